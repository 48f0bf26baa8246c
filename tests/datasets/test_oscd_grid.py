"""Bands of three resolutions on one grid."""

import numpy as np
import pytest

from mmcd.datasets.oscd_grid import rect_folders, to_grid
from mmcd.errors import DatasetNotFoundError
from mmcd.structures import ImageSpec

pytest.importorskip('scipy')


def test_a_band_at_10_metres_is_cropped_and_padded_only():
    band = np.arange(30, dtype=np.uint16).reshape(5, 6)
    assert np.array_equal(to_grid(band, 1, (5, 6), (5, 6)), band)
    assert np.array_equal(to_grid(band, 1, (5, 6), (4, 3)), band[:4, :3])
    padded = to_grid(band, 1, (5, 6), (7, 8))
    assert np.array_equal(padded[:5, :6], band)
    assert (padded[5:, :6] == band[-1]).all() and (padded[:5, 6:] == band[:, -1:]).all()


def test_a_ramp_stays_a_ramp_of_the_same_ends():
    band = np.tile(np.linspace(100, 700, 16).astype(np.uint16), (16, 1))
    grown = to_grid(band, 2, (32, 32), (32, 32)).astype(int)
    assert grown.shape == (32, 32)
    assert abs(grown[:, 0] - 100).max() <= 1 and abs(grown[:, -1] - 700).max() <= 1
    assert (np.diff(grown, axis=1) > 0).all()


def test_a_city_without_images_is_named(tmp_path):
    (tmp_path / 'paris').mkdir()
    with pytest.raises(DatasetNotFoundError, match='paris has neither imgs_1_rect'):
        rect_folders(tmp_path / 'paris', tmp_path / 'rect', ImageSpec(dtype='uint16'))


def test_a_band_that_is_missing_is_named(tmp_path):
    for date in ('imgs_1', 'imgs_2'):
        (tmp_path / date).mkdir()
        (tmp_path / date / 'x_B04.tif').write_bytes(b'')
    with pytest.raises(DatasetNotFoundError, match='no files for the bands B02, B03'):
        rect_folders(tmp_path, tmp_path / 'rect', ImageSpec(dtype='uint16'))
