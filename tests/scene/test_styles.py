import sqlite3
from xml.etree import ElementTree

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from rasterio.crs import CRS

from mmcd.scene.grid import Grid
from mmcd.scene.styles import category_names, polygon_style, raster_style
from mmcd.scene.vectors import ChangePolygons, write_polygons
from mmcd.scene.writing import publish
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from tests.scene.rasters import UTM, utm, write_raster

KINDS = ChangeClasses(('same', 'built', 'felled & lost'), ((0, 0, 0), (255, 0, 0), (0, 200, 10)))


def parsed(text):
    return ElementTree.fromstring(text.split('>\n', 1)[1] if text.startswith('<!') else text)


@pytest.mark.parametrize('classes', [BINARY_CHANGE, KINDS])
def test_unchanged_is_transparent_and_the_rest_is_not(classes):
    entries = parsed(raster_style(classes)).findall('.//paletteEntry')
    assert [entry.get('label') for entry in entries] == list(classes.names)
    assert [entry.get('alpha') for entry in entries] == ['0'] + ['255'] * (len(classes) - 1)


def test_colours_are_those_of_the_classes():
    entries = parsed(raster_style(KINDS)).findall('.//paletteEntry')
    assert [entry.get('color') for entry in entries] == ['#000000', '#ff0000', '#00c80a']


def test_polygons_have_a_category_for_each_kind_of_change():
    style = parsed(polygon_style(KINDS))
    assert [c.get('value') for c in style.findall('.//category')] == ['built', 'felled & lost']
    symbols = {symbol.get('name') for symbol in style.findall('.//symbol')}
    assert symbols == {c.get('symbol') for c in style.findall('.//category')}


def test_gdal_reads_the_names_of_the_values(tmp_path):
    path = write_raster(tmp_path / 'map.tif', np.zeros((1, 4, 4), np.uint8), utm())
    names = category_names(KINDS)
    path.with_name('map.tif.aux.xml').write_text(names)
    categories = [c.text or '' for c in parsed(names).findall('.//Category')]
    assert categories[:3] == list(KINDS.names) and categories[255] == 'no data'
    with rasterio.open(path) as file:
        assert str(tmp_path / 'map.tif.aux.xml') in file.files


def test_a_geopackage_brings_its_style(tmp_path):
    outlines = np.array([shapely.box(0, 0, 4, 3)], dtype=object)
    one = np.array([1])
    polygons = ChangePolygons(outlines, one * 0, one * 12, one * 3.0, one)
    path = tmp_path / 'change.gpkg'
    grid = Grid(CRS.from_string(UTM), utm(), 9, 9)
    write_polygons(path, polygons, np.array([0.7]), grid, timestamp='2024-01-01T00:00:00Z')
    publish([path])
    with sqlite3.connect(path) as file:
        rows = file.execute(
            'SELECT f_table_name, f_geometry_column, useAsDefault, styleQML FROM layer_styles'
        ).fetchall()
        geometry = file.execute('SELECT column_name FROM gpkg_geometry_columns').fetchall()
    file.close()
    assert len(rows) == 1 and rows[0][:3] == ('change', geometry[0][0], 1)
    assert parsed(rows[0][3]).find('.//category').get('value') == 'changed'
    assert pyogrio.read_info(path, layer='change')['features'] == 1
