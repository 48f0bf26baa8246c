import numpy as np
import pytest
from affine import Affine
from matplotlib.figure import Figure
from PIL import Image
from rasterio.crs import CRS

from mmcd.inference import FunctionPredictor
from mmcd.scene import quicklook
from mmcd.scene.grid import Grid
from mmcd.structures import ImageSpec
from tests.scene.mapping import map_small
from tests.scene.rasters import UTM, draw_ground, first_band, utm, write_raster

RED = np.array([230, 25, 75])


@pytest.mark.parametrize('place', [utm(), None])
def test_the_picture_shows_the_change_in_its_colour(tmp_path, place):
    pair = [write_raster(tmp_path / f'{n}.tif', draw_ground(120, 150, n), place) for n in (0, 1)]

    def west(tiles):
        return np.broadcast_to(np.arange(tiles.shape[3]) < 20, tiles[:, 0].shape).astype(np.float32)

    map_small(west, *pair, tmp_path / 'map.tif')
    picture = np.asarray(Image.open(tmp_path / 'map_quicklook.png').convert('RGB')).astype(int)
    red = (np.abs(picture - RED) < 8).all(axis=2)
    third = picture.shape[1] // 3
    assert red[:, 2 * third :].sum() > 1000
    # The panels of both dates show none; the legend below them does.
    assert not red[: picture.shape[0] * 3 // 4, : 2 * third].any()


def test_values_without_data_do_not_count_for_the_contrast(tmp_path, monkeypatch):
    pixels = draw_ground(90, 100).astype(np.float32)
    pixels[:, :30] = -9999
    dates = [write_raster(tmp_path / f'{n}.tif', pixels, utm(), nodata=-9999) for n in (0, 1)]
    panels = []
    monkeypatch.setattr(quicklook, '_figure', lambda drawn, *_: panels.extend(drawn) or b'')
    predictor = FunctionPredictor(first_band, image=ImageSpec(dtype='float32'))
    map_small(predictor, *dates, tmp_path / 'map.tif')
    for picture in panels[:2]:
        assert picture[30:].min() < 10 and picture[30:].max() > 245
        assert (picture[:30] == quicklook.NO_DATA_GREY).all()


def test_the_same_map_gives_the_same_picture(tmp_path):
    pair = [write_raster(tmp_path / f'{n}.tif', draw_ground(90, 90, n), utm()) for n in (0, 1)]
    for name in ('one', 'two'):
        map_small(lambda tiles: tiles[:, 0] / np.float32(255), *pair, tmp_path / name / 'm.tif')
    one, two = ((tmp_path / name / 'm_quicklook.png').read_bytes() for name in ('one', 'two'))
    assert one == two


def test_a_result_shows_its_picture_and_is_copied(tmp_path):
    pair = [write_raster(tmp_path / f'{n}.tif', draw_ground(90, 90, n), utm()) for n in (0, 1)]
    result = map_small(lambda tiles: tiles[:, 0] / np.float32(255), *pair, tmp_path / 'm.tif')
    assert repr(result).startswith('SceneResult(') and len(repr(result)) < 200
    assert result._repr_png_() == (tmp_path / 'm_quicklook.png').read_bytes()
    result.save(tmp_path / 'copy')
    copied = {path.name for path in (tmp_path / 'copy').iterdir()}
    assert {'m.tif', 'm.qml', 'm.json', 'm_quicklook.png'} <= copied
    assert result.plot().axes[0].images


def scale_bar(grid):
    """Its text, and its length as a part of the picture's width."""
    axis = Figure().add_subplot()
    axis.imshow(np.zeros((30, 100)))
    quicklook._scale_bar(axis, grid, 100)
    return axis.texts[0].get_text(), np.ptp(axis.lines[0].get_xdata()) / 100


def test_the_scale_bar_has_a_round_length_just_below_powers_of_ten():
    """A logarithm there is often rounded up to that of the power."""
    for power in 10.0 ** np.arange(1, 8):
        metres = np.nextafter(power, 0) * 5 / 1000
        text, part = scale_bar(Grid(CRS.from_string(UTM), utm(metres), 40, 1000))
        assert text[0] in '15' and part == pytest.approx(0.2 if text[0] == '1' else 0.1)


def test_the_scale_bar_is_as_long_as_the_ground_along_the_row():
    """At 60 degrees north 1000 pixels of 1e-5 degrees are 558 m wide and 1114 m high."""
    grid = Grid(CRS.from_epsg(4326), Affine(1e-5, 0, 10, 0, -1e-5, 60), 1000, 1000)
    assert scale_bar(grid) == ('100 m', pytest.approx(100 / 558, rel=1e-3))


def test_a_map_without_a_picture_is_finished(tmp_path, monkeypatch, caplog):
    def broken(*_args):
        raise ValueError('no such colour')

    monkeypatch.setattr(quicklook, '_figure', broken)
    pair = [write_raster(tmp_path / f'{n}.tif', draw_ground(90, 90, n), utm()) for n in (0, 1)]
    result = map_small(first_band, *pair, tmp_path / 'm.tif')
    assert 'There is no quicklook: no such colour' in caplog.text
    assert result.report['valid_pixels'] == 90 * 90
    assert not (tmp_path / 'm_quicklook.png').exists()
    assert not (tmp_path / 'm.tif.parts').exists()
