import csv
import json

import numpy as np
import pyogrio
import pytest
import shapely

from mmcd.errors import SceneError
from tests.scene.mapping import map_small
from tests.scene.rasters import LEFT, TOP, UTM, read_raster, utm, write_raster

SIZE = 100


@pytest.fixture
def pair(tmp_path):
    """Red where it will be mapped as changed: 20 x 20 pixels in the west, 10 x 10 in the east."""
    before = np.zeros((3, SIZE, SIZE), np.uint8)
    before[0, 10:30, 10:30] = before[0, 60:70, 70:80] = 255
    before[1] = 9
    return [write_raster(tmp_path / f'{n}.tif', before, utm()) for n in 'ab']


def write_zones(path, boxes, names, crs=UTM):
    shapes = shapely.to_wkb(np.array([shapely.box(*box) for box in boxes], dtype=object))
    column = [np.array(names, dtype=object)]
    pyogrio.raw.write(path, shapes, column, ['name'], geometry_type='Polygon', crs=crs)
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
