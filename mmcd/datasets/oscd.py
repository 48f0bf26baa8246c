"""OSCD: urban change in 24 Sentinel-2 pairs, in the layout of its authors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcd.datasets.bitemporal import BitemporalDataset
from mmcd.datasets.oscd_grid import rect_folders
from mmcd.datasets.pair_index import PairFiles, read_text
from mmcd.errors import ConfigError, DatasetNotFoundError, listed
from mmcd.registry import DATASETS
from mmcd.structures import ImageSpec
from mmcd.structures.sentinel2 import SENTINEL2_BANDS

PREFIX = 'Onera Satellite Change Detection dataset - '
IMAGES = f'{PREFIX}Images'
# Both kinds of label file state the same change; their values differ.
LABEL_ENCODINGS: dict[str, Mapping[str, int]] = {
    'png': dict(threshold=127),
    'tif': dict(unchanged=1, changed=2),
}
ALL_BANDS = dict(bands=list(SENTINEL2_BANDS.values()), dtype='uint16', metres_per_pixel=10.0)


@DATASETS.register_module()
class OSCDDataset(BitemporalDataset):
    """OSCD (Onera Satellite Change Detection): urban change in Sentinel-2 pairs.

    * Source: Sentinel-2 (level 1C), 2015 to 2018; 13 bands of 16 bit at 10, 20 and 60 metres.
    * Pairs: 24 cities, 14 to train and 10 to test, of 241x385 to 1180x1070 pixels; 2.3 % of the
      training and 5.2 % of the test pixels are changed.
    * Layout: ``{PREFIX}Images/<city>/{imgs_1,imgs_2}/*_B01.tif`` ... (each band at its own
      resolution), ``imgs_{1,2}_rect/B01.tif`` ... (all at 10 metres, both dates of one shape),
      ``{PREFIX}{Train,Test} Labels/<city>/cm/cm.png``, ``{PREFIX}Images/{train,test}.txt``, with
      ``Onera Satellite Change Detection dataset - `` for ``{PREFIX}``.
    * Labels: ``cm.png`` is 0 and 255, but in aguasclaras it has 166 grey values: changed where
      greater than 127. ``<city>-cm.tif`` is 1 unchanged, 2 changed, whatever the set's own README
      says.
    * Splits: as published. There is no validation split: ``val_cities`` takes cities out of
      training.
    * Beware: "rect" is no registration. The second date is up to 7 pixels off in saclay_e and
      saclay_w, up to 2 in abudhabi and hongkong.
    * Licence: modified Copernicus data; labels CC BY-NC-SA 4.0.

    Where ``imgs_*_rect`` are missing, they are made from the bands by the rule of the authors'
    notebook, once, and kept in ``rect_dir``.

    Args:
        data_root: the folder that holds the three (or four) of the layout.
        split: 'train', 'val' or 'test'.
        val_cities: the training cities that 'val' has and 'train' has not.
        image: the image description; its bands are Sentinel-2's, by any choice and in any order,
            as 'B04' or 'red'. None: all 13.
        label_file: 'png' or 'tif', which of the two label files is read.
        rect_dir: where bands that are made for want of ``imgs_*_rect`` are kept; None:
            ``{data_root}/rect``.
        **kwargs: ``windows``, ``pipeline`` ...: see :class:`BitemporalDataset`.

    Raises:
        ConfigError: there is no such split or label file, or ``val_cities`` are no training cities.
        DatasetNotFoundError: files are missing.
        ImagePairError: bands do not form an image.

    Reference:
        Daudt, Le Saux, Boulch, Gousseau, "Urban Change Detection for Multispectral Earth
        Observation Using Convolutional Neural Networks", IGARSS 2018.
    """

    LABEL_ENCODING = LABEL_ENCODINGS['png']

    def __init__(
        self,
        *,
        data_root: str,
        split: str,
        val_cities: Sequence[str] = (),
        image: Mapping[str, Any] | ImageSpec | None = None,
        label_file: str = 'png',
        rect_dir: str | None = None,
        **kwargs: Any,
    ) -> None:
        if split not in ('train', 'val', 'test') or label_file not in LABEL_ENCODINGS:
            raise ConfigError(
                "OSCDDataset: `split` is 'train', 'val' or 'test', and `label_file` is 'png' or "
                f"'tif'; got split={split!r}, label_file={label_file!r}."
            )
        self.val_cities = tuple(val_cities)
        self.label_file = label_file
        self.rect_dir = Path(rect_dir or Path(data_root) / 'rect')
        kwargs.setdefault('label_encoding', LABEL_ENCODINGS[label_file])
        super().__init__(
            data_root=data_root, split=split, image=ALL_BANDS if image is None else image, **kwargs
        )

    def find_pairs(self) -> list[PairFiles]:
        """See :class:`BitemporalDataset`; named by their cities."""
        images = Path(self.data_root) / IMAGES
        cities = self._cities()
        files = {city: Path(self.data_root) / self._label_name(city) for city in cities}
        missing = [f'label: {path}' for path in files.values() if not path.is_file()]
        missing += [f'images: {images / city}' for city in cities if not (images / city).is_dir()]
        if missing:
            raise DatasetNotFoundError(
                f'{len(missing)} of the files and folders of {len(cities)} cities are missing:\n'
                f'{listed(missing)}\n{self.describe_layout()}'
            )
        return [
            PairFiles(city, *rect_folders(images / city, self.rect_dir / city, self.image), label)
            for city, label in files.items()
        ]

    def describe_layout(self) -> str:
        """The expected tree."""
        return (
            f'OSCDDataset expects\n  {self.data_root}/\n'
            f'    {IMAGES}/train.txt, test.txt\n'
            f'    {IMAGES}/<city>/imgs_1_rect, imgs_2_rect (or imgs_1, imgs_2)\n'
            f'    {self._label_name("<city>")}\n'
            'Set `data_root` in the config, or give --cfg-options data_root=FOLDER; '
            'data/README.md says where the data set comes from.'
        )

    def _label_name(self, city: str) -> str:
        """The label of a city, relative to the data set's folder."""
        labels = f'{PREFIX}{"Test" if self.split == "test" else "Train"} Labels'
        name = 'cm.png' if self.label_file == 'png' else f'{city}-cm.tif'
        return f'{labels}/{city}/cm/{name}'

    def _cities(self) -> list[str]:
        """Those of the split, in the order of the authors' lists."""
        if self.split == 'test':
            return self._listed('test')
        train = self._listed('train')
        unknown = sorted(set(self.val_cities) - set(train))
        if unknown or (self.split == 'val' and not self.val_cities):
            raise ConfigError(
                f'OSCDDataset: `val_cities` names cities of train to validate on; got '
                f'{list(self.val_cities)}. The training cities are {", ".join(train)}.'
            )
        return [city for city in train if (city in self.val_cities) == (self.split == 'val')]

    def _listed(self, split: str) -> list[str]:
        path = Path(self.data_root) / IMAGES / f'{split}.txt'
        if not path.is_file():
            raise DatasetNotFoundError(f'No such file: {path}.\n{self.describe_layout()}')
        text = read_text(path, str(path), 'It should name the cities of the split.')
        names = [name.strip() for name in text.replace(',', '\n').split('\n')]
        return [name for name in names if name]
