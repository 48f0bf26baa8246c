from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.pair_reader import PairReader, open_pair
from mmcd.scene.radiometry import Radiometry
from mmcd.scene.raster_reader import RasterReader
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageSpec
from tests.scene.rasters import draw_ground, utm, write_raster

BEFORE, AFTER = draw_ground(90, 70), draw_ground(90, 70, seed=1)


def reader_of(pair, settings: SceneSettings) -> PairReader:
    return PairReader(pair.before, pair.after, Radiometry.of(*pair.samples, settings))


def test_a_strip_holds_both_dates_and_where_both_have_data(tmp_path: Path) -> None:
    after = AFTER.copy()
    after[:, 20:30, 5:9] = 0
    paths = (
        str(write_raster(tmp_path / 'before.tif', BEFORE, utm())),
        str(write_raster(tmp_path / 'after.tif', after, utm(), nodata=0)),
    )
    settings = SceneSettings()
    with open_pair(*paths, settings) as pair:
        strip = reader_of(pair, settings).read(10, 40)
    expected = np.concatenate([BEFORE, after])[:, 10:50]
    hole = np.zeros((40, 70), bool)
    hole[10:20, 5:9] = True
    np.testing.assert_array_equal(strip.valid, ~hole)
    np.testing.assert_array_equal(strip.pair[:, ~hole], expected[:, ~hole])
    assert strip.pair[3:, hole].min() > 0
    assert strip.pair.dtype == np.uint8


@pytest.mark.parametrize('broken', ['before', 'after'])
def test_either_date_may_fail(tmp_path: Path, monkeypatch, broken: str) -> None:
    path = str(write_raster(tmp_path / 'image.tif', BEFORE, utm()))
    settings = SceneSettings()
    with open_pair(path, path, settings) as pair:
        reader = reader_of(pair, settings)

        def fail(*args) -> None:
            raise SceneStoppedError(broken)

        monkeypatch.setattr(getattr(pair, broken), 'read', fail)
        assert isinstance(pair.before, RasterReader)
        with pytest.raises(SceneStoppedError, match=broken):
            reader.read(0, 10)


def test_a_model_that_standardises_whole_images_maps_no_scene() -> None:
    spec = ImageSpec(standardize=True)
    refused = pytest.raises(SceneError, match=r'standardised one by one.*Use predict_pair')
    with refused, open_pair('before.tif', 'after.tif', SceneSettings(), spec):
        pass


def pair_of_dates(tmp_path: Path, offset: int) -> tuple[str, str]:
    before = np.random.RandomState(0).randint(500, 900, (3, 40, 40)).astype(np.uint16)
    after = before + np.uint16(offset)
    before[:, 0, 0] = after[:, 0, 0] = 0
    return tuple(
        str(write_raster(tmp_path / name, image, utm(10), nodata=0))
        for name, image in (('before.tif', before), ('after.tif', after))
    )


RGB16 = ImageSpec(dtype='uint16')


def test_the_offset_of_newer_sentinel2_products_is_told_and_can_be_taken_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = pair_of_dates(tmp_path, 1000)
    with open_pair(*files, SceneSettings(), RGB16):
        pass
    assert 'give --offset-after -1000' in caplog.text
    caplog.clear()
    with open_pair(*files, SceneSettings(offset_after=-1000.0), RGB16) as pair:
        (before, _), (after, valid) = pair.before.read(0, 40), pair.after.read(0, 40)
    assert not caplog.text
    assert np.array_equal(before, after)
    assert not valid[0, 0]  # no data stays no data


def test_an_offset_does_not_leave_the_range_of_the_type(tmp_path: Path) -> None:
    files = pair_of_dates(tmp_path, 0)
    with open_pair(*files, SceneSettings(offset_before=-700.0), RGB16) as pair:
        values, valid = pair.before.read(0, 40)
    assert values.dtype == np.uint16
    assert values.max() < 200 and (values[:, valid] == 0).any()
