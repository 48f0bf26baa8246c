"""What is shown of a tested sample."""

import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmcd.engine.shown_pair import shown_pair
from mmcd.io.images import Window
from mmcd.structures import RGB_8BIT, ImageSpec

WINDOW = Window(2, 3, 8, 9)


def write_sample(tmp_path):
    images = np.random.RandomState(0).randint(0, 255, (2, 20, 30, 3)).astype(np.uint8)
    paths = {}
    for date, image in zip(('before', 'after'), images, strict=True):
        Image.fromarray(image).save(tmp_path / f'{date}.png')
        paths[f'{date}_path'] = str(tmp_path / f'{date}.png')
    sample = SegDataSample(metainfo=dict(paths, window=WINDOW))
    sample.gt_sem_seg = PixelData(data=torch.zeros(1, WINDOW.height, WINDOW.width))
    return sample, images


def test_of_standardised_images_the_files_values_are_shown(tmp_path):
    sample, images = write_sample(tmp_path)
    given = torch.zeros(6, WINDOW.height, WINDOW.width)  # as standardised: no values for people
    shown = shown_pair(sample, dict(inputs=[given]), 0, ImageSpec(standardize=True))
    for date, image in zip(shown, images, strict=True):
        assert np.array_equal(date, WINDOW.of(image))


def test_other_images_are_shown_as_the_network_saw_them(tmp_path):
    sample, _ = write_sample(tmp_path)
    given = torch.full((6, WINDOW.height, WINDOW.width), 7, dtype=torch.uint8)
    before, after = shown_pair(sample, dict(inputs=[given]), 0, RGB_8BIT)
    assert (before == 7).all() and (after == 7).all()
