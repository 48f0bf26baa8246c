import csv
import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely

from mmcd.errors import SceneError
from mmcd.scene.zones import COUNTED
from tests.scene.mapping import map_small
from tests.scene.rasters import LEFT, TOP, UTM, read_raster, utm, write_raster

SIZE = 100
EMPTY = shapely.Polygon()
WITHOUT_CRS = ('name', 'valid_pixels', 'changed_pixels', 'changed_share', 'changes')


@pytest.fixture
def pair(tmp_path):
    """Red where it will be mapped as changed: 20 x 20 pixels in the west, 10 x 10 in the east."""
    before = np.zeros((3, SIZE, SIZE), np.uint8)
    before[0, 10:30, 10:30] = before[0, 60:70, 70:80] = 255
    before[1] = 9
    return [write_raster(tmp_path / f'{n}.tif', before, utm()) for n in 'ab']


def write_zones(path, boxes, names, crs=UTM):
    """Of a box without corners, an empty polygon; of None, a row without a geometry."""
    shapes = [box if box is None else shapely.box(*box) if box else EMPTY for box in boxes]
    geometry = shapely.to_wkb(np.array(shapes, dtype=object))
    column = [np.array(names, dtype=object)]
    pyogrio.raw.write(path, geometry, column, ['name'], geometry_type='Polygon', crs=crs)
    return str(path)


def sides():
    middle, right, bottom = LEFT + SIZE / 4, LEFT + SIZE / 2, TOP - SIZE / 2
    return [(LEFT, bottom, middle, TOP), (middle, bottom, right, TOP)]


def first_red(tiles):
    return (tiles[:, 0] > 127).astype(np.float32)


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_each_zone_has_its_area_and_its_changes(pair, tmp_path, suffix):
    zones = write_zones(tmp_path / f'z{suffix}', sides(), ['West', 'East'])
    out = tmp_path / 'map.tif'
    result = map_small(first_red, *pair, out, zones=zones)
    found = {zone['name']: zone for zone in result.report['zones']}
    assert found['West']['changed_m2'] == 100 and found['West']['changes'] == 1
    assert found['East']['changed_m2'] == 25 and found['East']['changes'] == 1
    assert sum(zone['valid_pixels'] for zone in found.values()) == SIZE**2
    assert tuple(found['West']) == ('name', *COUNTED)
    rows = list(csv.DictReader((tmp_path / 'map_zones.csv').open()))
    assert [row['changed_pixels'] for row in rows] == ['400', '100']
    assert json.loads(out.with_suffix('.json').read_text())['zones'] == result.report['zones']


def test_a_zone_that_reaches_beyond_the_map(pair, tmp_path):
    box = (LEFT - 1000, TOP - 1000, LEFT + 1000, TOP + 1000)
    zones = write_zones(tmp_path / 'z.gpkg', [box, (0, 0, 1, 1)], ['all', 'none'])
    result = map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones)
    everything, nothing = result.report['zones']
    assert everything['changed_m2'] == result.report['changed_area_m2'] == 125
    assert nothing['valid_pixels'] == 0 and nothing['changed_share'] is None


@pytest.mark.parametrize('nothing', [None, ()])
@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_a_row_without_a_polygon_counts_nothing(pair, tmp_path, suffix, nothing):
    west, east = sides()
    zones = write_zones(tmp_path / f'z{suffix}', [nothing, west, east], ['none', 'West', 'East'])
    found = map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones).report['zones']
    assert [(zone['name'], zone['changed_m2'], zone['changes']) for zone in found] == [
        ('none', 0, 0),
        ('West', 100, 1),
        ('East', 25, 1),
    ]
    assert found[0]['valid_pixels'] == 0 and found[0]['changed_share'] is None


@pytest.mark.parametrize('nothing', [None, ()])
def test_a_file_of_nothing_but_such_rows(pair, tmp_path, nothing):
    """Also in another CRS, and as a mask: it leaves nothing out."""
    zones = write_zones(tmp_path / 'z.gpkg', [nothing], ['none'], crs='EPSG:4326')
    report = map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones, mask=zones).report
    assert [zone['valid_pixels'] for zone in report['zones']] == [0]
    assert report['valid_pixels'] == SIZE**2


def test_every_zone_has_the_same_columns_without_a_crs(tmp_path):
    pair = [write_raster(tmp_path / f'{n}.png', np.zeros((3, 50, 50), np.uint8)) for n in 'ab']
    boxes = [(0, 0, 9, 9), (90, 90, 99, 99), ()]
    zones = write_zones(tmp_path / 'z.gpkg', boxes, ['in', 'out', 'none'], crs=None)
    found = map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones).report['zones']
    assert [zone['valid_pixels'] for zone in found] == [81, 0, 0]
    assert {*map(tuple, found)} == {WITHOUT_CRS}


def test_zones_in_degrees_keep_their_rows_and_columns(pair, tmp_path):
    """Also those that lie elsewhere, and one of the whole world."""
    boxes = [(-70, 0, -60, 10), (-180, -90, 180, 90)]
    zones = write_zones(tmp_path / 'z.geojson', boxes, ['Elsewhere', 'World'], crs='EPSG:4326')
    found = map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones).report['zones']
    assert [(zone['name'], zone['valid_pixels'], zone['changes']) for zone in found] == [
        ('Elsewhere', 0, 0),
        ('World', SIZE**2, 2),
    ]


def test_zones_of_another_place_are_warned_of(pair, tmp_path, caplog):
    zones = write_zones(tmp_path / 'z.gpkg', [(0, 0, 9, 9)], ['Elsewhere'])
    map_small(first_red, *pair, tmp_path / 'map.tif', zones=zones)
    assert f'Nothing in {zones} lies on the map' in caplog.text


def test_columns_that_are_named_as_what_is_counted_are_refused(pair, tmp_path):
    columns = {name: np.array([1]) for name in ('name', 'changes', 'valid_m2')}
    shapes = shapely.to_wkb(shapely.box(*np.array(sides()[:1]).T))
    path = tmp_path / 'z.gpkg'
    pyogrio.raw.write(
        path, shapes, [*columns.values()], [*columns], geometry_type='Polygon', crs=UTM
    )
    with pytest.raises(
        SceneError, match=r'z\.gpkg have columns of their own named changes, valid_m2'
    ):
        map_small(first_red, *pair, tmp_path / 'map.tif', zones=path)
    assert not (tmp_path / 'map.tif.parts').exists()


def test_files_may_be_named_by_paths(pair, tmp_path):
    path = Path(write_zones(tmp_path / 'z.gpkg', sides()[:1], ['West']))
    out = tmp_path / 'map.tif'
    report = map_small(first_red, *pair, out, zones=path, mask=path).report
    assert report['zones'][0]['valid_pixels'] == 0
    assert report['settings']['zones'] == str(path) and report['settings']['mask'] == [str(path)]
    again = map_small(first_red, *pair, out, zones=str(path), mask=[path], resume=True)
    assert again.report['seconds'] == report['seconds']


def test_a_number_that_a_row_lacks_is_null(pair, tmp_path):
    shapes = shapely.to_wkb(shapely.box(*np.array(sides()).T))
    columns = [np.array([np.nan, 2.5])]
    path = tmp_path / 'z.gpkg'
    pyogrio.raw.write(path, shapes, columns, ['people'], geometry_type='Polygon', crs=UTM)
    map_small(first_red, *pair, tmp_path / 'map.tif', zones=path)
    assert 'NaN' not in (tmp_path / 'map.json').read_text()
    rows = list(csv.DictReader((tmp_path / 'map_zones.csv').open()))
    assert [row['people'] for row in rows] == ['', '2.5']


def test_a_table_without_geometries_is_refused(pair, tmp_path):
    (tmp_path / 'z.csv').write_text('name,people\nWest,3\n')
    with pytest.raises(SceneError, match=r'z\.csv is a table without geometries; polygons are exp'):
        map_small(first_red, *pair, tmp_path / 'map.tif', zones=tmp_path / 'z.csv')
    assert not (tmp_path / 'map.tif.parts').exists()


def test_a_file_without_polygons_is_refused(pair, tmp_path):
    with pytest.raises(SceneError, match=r'Cannot read .*none\.gpkg'):
        map_small(first_red, *pair, tmp_path / 'map.tif', zones=str(tmp_path / 'none.gpkg'))
    assert not (tmp_path / 'map.tif').exists()


def test_the_report_says_by_what_polygons_and_pixels_differ(pair, tmp_path):
    vectors = tmp_path / 'map.gpkg'
    report = map_small(first_red, *pair, tmp_path / 'map.tif', vectors=vectors, min_area=50).report
    assert report['polygons'] == 1 and report['left_out'] == dict(polygons=1, area_m2=25)
    assert report['polygons_area_m2'] + 25 == report['changed_area_m2']
    assert (read_raster(tmp_path / 'map.tif') == 1).sum() == 500
