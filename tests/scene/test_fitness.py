import json

import numpy as np
import pytest

from mmcd.inference import FunctionPredictor
from mmcd.structures import ImageSpec, ImageStatistics
from tests.scene.mapping import map_small
from tests.scene.rasters import draw_ground, first_band, read_raster, utm, write_raster

KNOWN = ImageStatistics((120.0,) * 3, (40.0,) * 3)
PREDICTOR = FunctionPredictor(
    first_band, image=ImageSpec(metres_per_pixel=0.5), statistics=KNOWN, threshold=0.5
)


def check(tmp_path, before, after, metres=0.5, **settings):
    """The findings by topic, from the report."""
    place = utm(metres)
    paths = [
        write_raster(tmp_path / f'{name}.tif', pixels, place)
        for name, pixels in (('a', before), ('b', after))
    ]
    out = tmp_path / 'map.tif'
    map_small(PREDICTOR, *paths, out, **settings)
    found = json.loads(out.with_suffix('.json').read_text())['check']
    return {each['topic']: each for each in found}


@pytest.fixture
def ground():
    return draw_ground(160, 180)


def warned(found):
    return {topic for topic, each in found.items() if each['is_warning']}


def test_a_scene_as_in_training_has_no_warning(tmp_path, ground):
    found = check(tmp_path, ground, ground)
    assert warned(found) == set()
    assert 'The map has 0.5 m a pixel' in found['resolution']['text']
    assert 'are well registered' in found['registration']['text']


def test_another_resolution(tmp_path, ground):
    found = check(tmp_path, ground, ground, metres=1.0)
    assert warned(found) == {'resolution'}
    assert '--resample-to 0.5' in found['resolution']['text']


@pytest.mark.parametrize('wanted', ['model', 0.5])
def test_a_scene_is_resampled_to_the_resolution_of_the_model(tmp_path, ground, wanted):
    found = check(tmp_path, ground, ground, metres=1.0, resample_to=wanted)
    assert warned(found) == set()
    assert read_raster(tmp_path / 'map.tif').shape == (320, 360)
    assert (read_raster(tmp_path / 'map.tif') == 255).mean() < 0.02


def test_a_coarse_scene_that_is_enlarged_is_warned_of(tmp_path):
    ground = draw_ground(16, 18)
    found = check(tmp_path, ground, ground, metres=5.0, resample_to='model')
    assert 'resolution' in warned(found)
    text = found['resolution']['text']
    assert 'have 5 m a pixel and are enlarged to 0.5 m' in text and '100 times' in text


def test_how_much_smaller_things_look_is_not_rounded_away(tmp_path, ground):
    found = check(tmp_path, ground, ground, metres=10.0)
    assert '0.05 times as large' in found['resolution']['text']


def test_a_scene_close_to_the_resolution_of_the_model_is_not(tmp_path, ground):
    check(tmp_path, ground, ground, metres=0.6, resample_to='model')
    assert read_raster(tmp_path / 'map.tif').shape == (160, 180)


def test_a_black_collar(tmp_path, ground):
    collar = ground.copy()
    collar[:, :, :60] = 0
    found = check(tmp_path, collar, ground)
    assert 'collar' in warned(found)
    assert 'of the before image is 0 in all bands' in found['collar']['text']
    assert 'collar' not in check(tmp_path, collar, ground, no_data=0)


def test_dates_of_another_light(tmp_path, ground):
    found = check(tmp_path, ground, (ground * 0.2 + 200).astype(np.uint8))
    assert {'values', 'dates'} <= warned(found)
    assert 'The dates differ in light' in found['dates']['text']


def test_bands_that_the_files_do_not_name(tmp_path, ground):
    wide = ground.astype(np.uint16) * 10
    found = check(tmp_path, wide, wide, scaling='shared')
    assert warned(found) == set()
    assert 'bands 1 2 3 are taken for red, green, blue' in found['bands']['text']
    assert 'bands' not in check(tmp_path, wide, wide, scaling='shared', bands=(1, 2, 3))


def test_dates_that_are_shifted(tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (3, 200, 200)).astype(np.uint8)
    found = check(tmp_path, image, np.roll(image, (6, -4), axis=(1, 2)))
    assert 'registration' in warned(found)
    assert 'the median +6 down and -4 right' in found['registration']['text']
