import os

import numpy as np
import pyogrio
import pytest
import shapely

from mmcd.errors import SceneError
from mmcd.scene.exclusions import open_exclusions, read_outlines
from mmcd.scene.grid import Grid
from tests.scene.mapping import map_small
from tests.scene.rasters import (
    LEFT,
    TOP,
    UTM,
    draw_ground,
    first_band,
    read_raster,
    utm,
    write_raster,
)


@pytest.fixture
def pair(tmp_path):
    return [write_raster(tmp_path / f'{n}.tif', draw_ground(90, 110, n), utm()) for n in (0, 1)]


def write_polygon(path, box, crs=UTM, kind='Polygon'):
    shape = shapely.box(*box) if kind == 'Polygon' else shapely.Point(box[:2])
    geometry = shapely.to_wkb(np.array([shape], dtype=object))
    pyogrio.raw.write(path, geometry, [], [], geometry_type=kind, crs=crs)
    return str(path)


def left_out(pair, tmp_path, *masks):
    """Where the map has no data."""
    out = tmp_path / 'map.tif'
    map_small(first_band, *pair, out, mask=masks)
    return read_raster(out) == 255


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson', '.shp'])
def test_polygons_leave_out_what_they_touch(pair, tmp_path, suffix):
    box = (LEFT + 10, TOP - 20, LEFT + 20, TOP - 5)
    found = left_out(pair, tmp_path, write_polygon(tmp_path / f'clouds{suffix}', box))
    assert found[12:38, 22:38].all()
    assert found.sum() < 32 * 24


def test_a_raster_leaves_out_what_is_not_0(pair, tmp_path):
    mask = np.zeros((1, 45, 55), np.uint8)
    mask[:, 10:20, 5:15] = 3
    path = write_raster(tmp_path / 'mask.tif', mask, utm(1.0))  # coarser pixels on the same ground
    found = left_out(pair, tmp_path, str(path))
    assert found[20:40, 10:30].all() and found.sum() == 400


def test_several_masks_add_up(pair, tmp_path):
    boxes = [(LEFT, TOP - 5, LEFT + 5, TOP), (LEFT + 50, TOP - 45, LEFT + 55, TOP - 40)]
    paths = [write_polygon(tmp_path / f'{n}.gpkg', box) for n, box in enumerate(boxes)]
    found = left_out(pair, tmp_path, *paths)
    assert found[:10, :10].all() and found[80:, 100:].all()


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda p: str(p / 'none.tif'), 'as a raster or as polygons'),
        (lambda p: write_polygon(p / 'p.gpkg', (LEFT, TOP), kind='Point'), 'points or lines'),
        (
            lambda p: str(write_raster(p / 'm.tif', np.zeros((1, 5, 5), np.uint8))),
            'does not lie on the map',
        ),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path, make, message):
    from rasterio.crs import CRS

    grid = Grid(CRS.from_string(UTM), utm(), 90, 110)
    with pytest.raises(SceneError, match=message), open_exclusions([make(tmp_path)], grid):
        pass


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
def test_a_pipe_is_not_waited_for(tmp_path):
    path = str(tmp_path / 'mask.gpkg')
    os.mkfifo(path)
    grid = Grid(None, utm(), 90, 110)
    with pytest.raises(SceneError, match=r'The mask .* is a pipe'), open_exclusions([path], grid):
        pass
    with pytest.raises(SceneError, match=r'The file of polygons .* is a pipe or a device'):
        read_outlines(path, grid)
