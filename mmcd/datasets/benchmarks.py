"""The published data sets: one class each, whose docstring is its data sheet."""

from __future__ import annotations

from mmcd.datasets.bitemporal import BitemporalDataset
from mmcd.registry import DATASETS


@DATASETS.register_module()
class LEVIRCDDataset(BitemporalDataset):
    """LEVIR-CD: buildings that appeared or vanished, in its original layout.

    * Source: Google Earth images of 20 regions in Texas, 2002 to 2018; 0.5 metres per pixel.
    * Pairs: 445 train, 64 val, 128 test of 1024x1024 pixels, PNG.
    * Layout: ``{train,val,test}/{A,B,label}/*.png``.
    * Labels: 0 unchanged, 255 changed.
    * Licence: for academic use.

    Reference:
        Chen and Shi, "A Spatial-Temporal Attention-Based Method and a New Dataset for Remote
        Sensing Image Change Detection", Remote Sensing 12(10), 2020.
    """


@DATASETS.register_module()
class CDDDataset(BitemporalDataset):
    """CDD (also SVCD), the real season-varying subset: all objects that differ, not the season.

    * Source: Google Earth; 0.03 to 1 metre per pixel.
    * Pairs: 10,000 train, 3,000 val, 3,000 test of 256x256 pixels, JPEG.
    * Layout: ``{train,val,test}/{A,B,OUT}/*.jpg``.
    * Labels: JPEGs with over 200 grey values, changed where greater than 127.
    * Licence: none stated by its authors.

    Reference:
        Lebedev et al., "Change Detection in Remote Sensing Images Using Conditional Adversarial
        Networks", ISPRS Archives XLII-2, 2018.
    """

    LABEL_DIR = 'OUT'
    IMAGE_SUFFIXES = ('.jpg',)
    LABEL_SUFFIXES = ('.jpg',)
    LABEL_ENCODING = dict(threshold=127)


@DATASETS.register_module()
class SYSUCDDataset(BitemporalDataset):
    """SYSU-CD: buildings, vegetation, roads and sea construction in Hong Kong.

    * Source: aerial images of 2007 and 2014; 0.5 metres per pixel.
    * Pairs: 12,000 train, 4,000 val, 4,000 test of 256x256 pixels, PNG.
    * Layout: ``{train,val,test}/{time1,time2,label}/*.png``.
    * Labels: 0 unchanged, 255 changed.
    * Licence: for academic use.

    Reference:
        Shi et al., "A Deeply Supervised Attention Metric-Based Network and an Open Aerial Image
        Dataset for Remote Sensing Change Detection", TGRS 2022.
    """

    BEFORE_DIR = 'time1'
    AFTER_DIR = 'time2'


@DATASETS.register_module()
class DSIFNCDDataset(BitemporalDataset):
    """DSIFN-CD: changes of land cover and buildings in Chinese cities, in its original layout.

    * Source: Google Earth images of six cities; the test split is of a city of its own, Xi'an. The
      ground resolution is not stated by its authors.
    * Pairs: 3,600 train, 340 val, 48 test of 512x512 pixels, JPEG. The first two are cut from 394
      pairs, with augmentation.
    * Layout: ``{train,val,test}/{t1,t2,mask}``, images ``*.jpg``, labels ``*.png`` in train and
      val, ``*.tif`` in test.
    * Labels: 0 unchanged, 1 changed; in a viewer they look black.
    * Licence: none stated by its authors.
    * Beware of the 256x256 edition that many papers use (14,400 / 1,360 / 192 pairs, labels
      0/255): 164 of its 192 test images are also in its train split, so figures on it, PRX-Change's
      among them, do not tell how a model generalises.

    Reference:
        Zhang et al., "A deeply supervised image fusion network for change detection in high
        resolution bi-temporal remote sensing images", ISPRS Journal 166, 2020.
    """

    BEFORE_DIR = 't1'
    AFTER_DIR = 't2'
    LABEL_DIR = 'mask'
    IMAGE_SUFFIXES = ('.jpg',)
    LABEL_SUFFIXES = ('.png', '.tif')
    LABEL_ENCODING = dict(unchanged=0, changed=1)


@DATASETS.register_module()
class S2LookingDataset(BitemporalDataset):
    """S2Looking: buildings that appeared or vanished in rural areas, seen from the side.

    * Source: images of GaoFen, SuperView and BeiJing-2 satellites, off nadir, worldwide, 2017 to
      2020; 0.5 to 0.8 metres per pixel.
    * Pairs: 3,500 train, 500 val, 1,000 test of 1024x1024 pixels, PNG.
    * Layout: ``{train,val,test}/{Image1,Image2,label}/*.png``; beside ``label``, ``label1`` holds
      appeared buildings only and ``label2`` vanished ones (``label_dir='label1'``).
    * Labels: 0 unchanged, 255 changed.
    * Licence: see its repository.

    Reference:
        Shen et al., "S2Looking: A Satellite Side-Looking Dataset for Building Change Detection",
        Remote Sensing 13(24), 2021.
    """

    BEFORE_DIR = 'Image1'
    AFTER_DIR = 'Image2'


@DATASETS.register_module()
class WHUCDDataset(BitemporalDataset):
    """WHU-CD (the change part of WHU Building): buildings rebuilt after an earthquake.

    * Source: aerial images of Christchurch, New Zealand, of April 2012 and 2016; 0.2 metres per
      pixel.
    * Pairs: one, of 15354x32507 pixels (height, width), as GeoTIFFs; so it is cut into tiles before
      use: ``tools/dataset_converters/prepare.py whu-cd SRC data/WHU-CD``.
    * Layout once prepared: ``{train,val,test}/{A,B,label}/*.png``.
    * Labels once prepared: 0 unchanged, 255 changed.
    * Splits: one edition has none, another a training and a test area. Many papers draw 256x256
      tiles at random instead (6,096 / 762 / 762), which puts neighbours into training and test.
    * Licence: see its page.

    Reference:
        Ji et al., "Fully Convolutional Networks for Multisource Building Extraction From an Open
        Aerial and Satellite Imagery Data Set", TGRS 57(1), 2019.
    """


@DATASETS.register_module()
class CLCDDataset(BitemporalDataset):
    """CLCD: cropland that turned into buildings, roads, lakes, bare land and the like.

    * Source: images of GaoFen-2 of Guangdong, China, 2017 and 2019; 0.5 to 2 metres per pixel.
    * Pairs: 360 train, 120 val, 120 test of 512x512 pixels.
    * Layout: ``{train,val,test}/{time1,time2,label}``.
    * Labels: 0 unchanged, 255 changed.
    * Licence: none stated by its authors.

    Reference:
        Liu et al., "A CNN-Transformer Network With Multiscale Context Aggregation for Fine-Grained
        Cropland Change Detection", JSTARS 15, 2022.
    """

    BEFORE_DIR = 'time1'
    AFTER_DIR = 'time2'
    IMAGE_SUFFIXES = ('.png', '.tif')
    LABEL_SUFFIXES = ('.png', '.tif')
