from __future__ import annotations

import numpy as np

from mmcd.visualization.grid import BACKGROUND, CHANGED, GAP, IGNORED, draw_grid, draw_sample


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
        assert (date[5, 5:15] == CHANGED).all() and (date[14, 5:15] == CHANGED).all()
        assert (date[0] == IGNORED).all()
        assert (date[4, 5:15] != CHANGED).any()


def test_other_bands_and_types():
    for bands in (1, 2, 6):
        assert draw_sample(*sample(bands)).dtype == np.uint8
    pair, label = sample(4, np.float32)
    pair[:, 2:18] += np.arange(30) * 100
    drawn = draw_sample(pair, label)
    assert drawn[10, 1, 0] < 40 and drawn[10, 28, 0] > 200


def test_grid():
    picture = draw_sample(*sample())
    height, width = picture.shape[0] + 2 * GAP, picture.shape[1] + 2 * GAP
    grid = draw_grid([picture] * 5, columns=2)
    assert grid.shape == (3 * height, 2 * width, 3)
    assert (grid[GAP : GAP + 20, GAP : GAP + picture.shape[1]] == picture).all()
    assert (grid[2 * height :, width:] == BACKGROUND).all()
    assert draw_grid([picture], columns=4).shape == (height, width, 3)
