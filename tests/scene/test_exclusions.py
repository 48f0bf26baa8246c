import os
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from affine import Affine
from rasterio.crs import CRS
from rasterio.features import rasterize
from rasterio.warp import transform

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
    with pytest.raises(SceneError, match=message), open_exclusions([make(tmp_path)], GRID):
        pass


GRID = Grid(CRS.from_string(UTM), utm(), 90, 110)
# 720 km around 15 degrees east and 50 degrees north, in pixels of 10 m.
WIDE = Grid(CRS.from_string(UTM), utm(10, 140_000, 5_900_000), 72_000, 72_000)


def test_a_shapefile_without_a_prj_is_refused(tmp_path):
    path = write_polygon(tmp_path / 'clouds.shp', (14, 50, 15, 51), crs=None)
    with pytest.raises(SceneError, match=r'clouds\.shp does not say in which CRS .* \.prj file'):
        read_outlines(path, GRID)
    assert len(read_outlines(path, Grid(None, utm(), 90, 110))) == 1


def test_geojson_without_a_crs_is_in_degrees(pair, tmp_path):
    path = write_polygon(tmp_path / 'clouds.geojson', (-180, -90, 180, 90), crs=None)
    assert '"crs"' not in Path(path).read_text()
    assert left_out(pair, tmp_path, path).all()


@pytest.mark.parametrize('kind', ['raster', 'polygons', 'polygons in degrees'])
@pytest.mark.parametrize('metres', [0, 100_000])
def test_a_mask_of_another_place_is_warned_of(pair, tmp_path, caplog, kind, metres):
    left, path = LEFT + metres, tmp_path / 'mask'
    if kind == 'raster':
        write_raster(path, np.ones((1, 9, 9), np.uint8), utm(1.0, left + 9))
    elif kind == 'polygons':
        write_polygon(path.with_suffix('.gpkg'), (left, TOP - 9, left + 9, TOP))
        path = path.with_suffix('.gpkg')
    else:
        (x,), (y,) = transform(UTM, 'EPSG:4326', [left], [TOP])
        path = path.with_suffix('.geojson')
        write_polygon(path, (x, y - 1e-4, x + 1e-4, y), crs='EPSG:4326')
    found = left_out(pair, tmp_path, str(path))
    assert found.any() == (metres == 0)
    assert (f'Nothing in {path} lies on the map' in caplog.text) == (metres > 0)


def test_a_mask_without_polygons_is_not_warned_of(tmp_path, caplog):
    path = tmp_path / 'clouds.geojson'
    path.write_text('{"type": "FeatureCollection", "features": []}')
    assert len(read_outlines(str(path), GRID)) == 0 and not caplog.text


def test_a_mask_has_one_band_besides_alpha(pair, tmp_path):
    mask = np.zeros((3, 90, 110), np.uint8)
    mask[0, :9] = mask[2, :, :9] = 1
    path = write_raster(tmp_path / 'classes.tif', mask, utm())
    with pytest.raises(SceneError, match=r'classes\.tif has 3 bands besides alpha, and a mask has'):
        left_out(pair, tmp_path, str(path))
    with_alpha = write_raster(tmp_path / 'grey.tif', mask[[0, 2]], utm(), ALPHA='YES')
    found = left_out(pair, tmp_path, str(with_alpha))
    assert found[:9, :9].all() and found.sum() == 81


def test_a_parallel_is_bent_in_utm(tmp_path):
    path = write_polygon(tmp_path / 'clouds.gpkg', (10, 45, 20, 50), crs='EPSG:4326')
    (outline,) = read_outlines(path, WIDE)
    for east in (11, 12.5, 15, 18):
        (x,), (y,) = transform('EPSG:4326', UTM, [east], [50])
        assert outline.boundary.distance(shapely.Point(x, y)) < 1


@pytest.mark.parametrize(
    ('crs', 'left', 'top'),
    [
        (UTM, 140_000, 5_900_000),
        ('EPSG:32601', 140_000, 5_900_000),  # across the 180th meridian
        ('EPSG:3413', -360_000, 360_000),  # around the North Pole
        ('EPSG:3857', -15_000_000, 10_000_000),
    ],
)
def test_a_polygon_of_the_whole_world_covers_the_map(tmp_path, crs, left, top):
    path = write_polygon(tmp_path / 'all.gpkg', (-180, -90, 180, 90), crs='EPSG:4326')
    grid = Grid(CRS.from_string(crs), utm(100, left, top), 7200, 7200)
    outlines = read_outlines(path, grid)
    drawn = rasterize(outlines, (72, 72), transform=utm(10_000, left, top))
    assert drawn.all()


def test_a_polygon_that_crosses_itself_is_cut(tmp_path):
    """Such as from a desktop GIS; it has a spike, too."""
    bow = shapely.Polygon([(-60, 40), (90, 60), (120, 60), (90, 60), (90, 40), (-60, 60)])
    path = tmp_path / 'bow.gpkg'
    pyogrio.raw.write(
        path, shapely.to_wkb(np.array([bow])), [], [], geometry_type='Polygon', crs='EPSG:4326'
    )
    (outline,) = read_outlines(str(path), WIDE)
    points = shapely.points(
        *transform('EPSG:4326', UTM, [12.0, 18.0, 15.0], [50.0, 50.0, 53.0])[:2]
    )
    assert shapely.intersects(outline, points).tolist() == [True, True, False]


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
def test_a_pipe_is_not_waited_for(tmp_path):
    path = str(tmp_path / 'mask.gpkg')
    os.mkfifo(path)
    grid = Grid(None, utm(), 90, 110)
    with pytest.raises(SceneError, match=r'The mask .* is a pipe'), open_exclusions([path], grid):
        pass
    with pytest.raises(SceneError, match=r'The file of polygons .* is a pipe or a device'):
        read_outlines(path, grid)


def test_polygons_in_utm_on_a_map_of_the_world(tmp_path):
    """In whose CRS most of the map has no place."""
    path = write_polygon(tmp_path / 'clouds.gpkg', (LEFT, TOP - 50_000, LEFT + 50_000, TOP))
    crs = CRS.from_epsg(4326)
    (outline,) = read_outlines(path, Grid(crs, Affine(0.1, 0, -180, 0, -0.1, 90), 1800, 3600))
    corners = transform(UTM, crs, [LEFT, LEFT + 50_000], [TOP - 50_000, TOP])[:2]
    assert all(
        outline.distance(shapely.Point(*corner)) < 1e-6 for corner in zip(*corners, strict=True)
    )


@pytest.mark.parametrize('crs', ['EPSG:4326', UTM])
def test_polygons_on_the_other_side_of_the_180th_meridian(tmp_path, crs):
    """On a map of 177 to 182 degrees, clouds at -179.5 degrees are those at 180.5."""
    grid = Grid(CRS.from_epsg(4326), Affine(0.1, 0, 177, 0, -0.1, -16), 20, 50)
    box = (-179.5, -17.5, -179, -17)
    if crs == UTM:  # of zone 1
        crs = 'EPSG:32701'
        box = shapely.box(*box).segmentize(0.01)
        x, y = transform('EPSG:4326', crs, *box.exterior.xy)[:2]
        box = (min(x), min(y), max(x), max(y))
    path = write_polygon(tmp_path / 'clouds.geojson', box, crs=crs)
    drawn = rasterize(read_outlines(path, grid), (20, 50), transform=grid.transform)
    assert drawn[10:15, 35:40].all() and drawn.sum() <= 36


def test_polygons_on_both_sides_of_the_180th_meridian(tmp_path):
    grid = Grid(CRS.from_epsg(4326), Affine(0.1, 0, 177, 0, -0.1, -16), 20, 50)
    path = write_polygon(tmp_path / 'all.geojson', (-180, -90, 180, 90), crs='EPSG:4326')
    assert rasterize(read_outlines(path, grid), (20, 50), transform=grid.transform).all()
