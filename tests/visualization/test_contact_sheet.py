from __future__ import annotations

import numpy as np

from mmcd.structures import ChangeClasses, ImageSpec
from mmcd.visualization.contact_sheet import BACKGROUND, GAP, OUTLINE, draw_grid, draw_sample
from mmcd.visualization.panel import IGNORED_GREY


def sample(bands: int = 3, dtype=np.uint8) -> tuple[np.ndarray, np.ndarray]:
    pair = np.zeros((2 * bands, 20, 30), dtype)
    pair[:bands], pair[bands:] = 50, 90
    label = np.zeros((20, 30), np.uint8)
    label[5:15, 5:15] = 1
    label[0] = 255
    return pair, label


def test_both_dates_with_the_outline():
    picture = draw_sample(*sample())
    assert picture.shape == (20, 60 + GAP, 3)
    before, after = picture[:, :30], picture[:, 30 + GAP :]
    assert (before[10, 10] == 50).all() and (after[10, 10] == 90).all()  # inside: untouched
    for date in (before, after):
        assert (date[5, 5:15] == OUTLINE).all() and (date[14, 5:15] == OUTLINE).all()
        assert (date[0] == IGNORED_GREY).all()
        assert (date[4, 5:15] != OUTLINE).any()


def test_bands_are_shown_as_the_description_says():
    pair, label = sample(4)
    pair[:4] = np.array([10, 20, 30, 40])[:, None, None]
    spec = ImageSpec(bands=('nir', 'red', 'green', 'blue'))
    assert draw_sample(pair, label, image=spec)[10, 10].tolist() == [20, 30, 40]
    assert (
        draw_sample(pair.astype(np.float32) + 300, label, image=spec)[10, 10].tolist() == [255] * 3
    )
    grey = draw_sample(*sample(2), image=ImageSpec(bands=('vv', 'vh')))
    assert grey[10, 10].tolist() == [50] * 3


def test_16_bit_is_stretched():
    pair, label = sample(4, np.float32)
    pair[:] = np.arange(30) * 100 + 900
    bands = ('red', 'green', 'blue', 'nir')
    stretched = draw_sample(pair, label, image=ImageSpec(bands=bands, dtype='uint16'))
    assert stretched[10, 1, 0] < 40 and stretched[10, 28, 0] > 200
    spec = ImageSpec(bands=bands, dtype='uint16', value_range=(0, 25_500))
    assert draw_sample(pair, label, image=spec)[10, 1].tolist() == [10] * 3


def test_kinds_of_change_have_outlines_of_their_own():
    pair, label = sample()
    label[16:19, 20:25] = 2
    classes = ChangeClasses.of_number(3)
    picture = draw_sample(pair, label, classes=classes)
    assert tuple(picture[5, 5]) == classes.palette[1]
    assert tuple(picture[16, 20]) == classes.palette[2]


def test_grid():
    picture = draw_sample(*sample())
    height, width = picture.shape[0] + 2 * GAP, picture.shape[1] + 2 * GAP
    grid = draw_grid([picture] * 5, columns=2)
    assert grid.shape == (3 * height, 2 * width, 3)
    assert (grid[GAP : GAP + 20, GAP : GAP + picture.shape[1]] == picture).all()
    assert (grid[2 * height :, width:] == BACKGROUND).all()
    assert draw_grid([picture], columns=4).shape == (height, width, 3)
