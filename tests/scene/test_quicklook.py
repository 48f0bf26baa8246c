import numpy as np
import pytest
from PIL import Image

from tests.scene.mapping import map_small
from tests.scene.rasters import draw_ground, utm, write_raster

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
