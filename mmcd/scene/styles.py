"""How GIS programs draw a map: QGIS styles for raster and polygons, and category names.

A GeoTIFF's colour table knows no transparency but for no data, so that unchanged ground would hide
the base map; QGIS takes the style file that lies beside a raster, and the style in a GeoPackage.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from xml.etree import ElementTree

from mmcd.scene.partial_run import NO_DATA
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import UNCHANGED

GEOMETRY = 'geom'
# The columns are those that QGIS makes and looks for.
STYLE_TABLE = """
CREATE TABLE IF NOT EXISTS layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256),
  f_table_schema TEXT(256), f_table_name TEXT(256), f_geometry_column TEXT(256),
  styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN, description TEXT,
  owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""


def raster_style(classes: ChangeClasses) -> str:
    """The text of a .qml file for the map: unchanged and no data are transparent."""
    root = ElementTree.Element('qgis', version='3.22', styleCategories='Symbology')
    renderer = ElementTree.SubElement(
        ElementTree.SubElement(root, 'pipe'),
        'rasterrenderer',
        type='paletted',
        band='1',
        opacity='1',
        alphaBand='-1',
    )
    palette = ElementTree.SubElement(renderer, 'colorPalette')
    for value, (name, colour) in enumerate(zip(classes.names, classes.palette, strict=True)):
        ElementTree.SubElement(
            palette,
            'paletteEntry',
            value=str(value),
            label=name,
            color=_hexadecimal(colour),
            alpha='0' if value == UNCHANGED else '255',
        )
    return _text(root, doctype=True)


def polygon_style(classes: ChangeClasses) -> str:
    """The QML of the polygons: outlines in the colour of their class."""
    root = ElementTree.Element('qgis', version='3.22', styleCategories='Symbology')
    renderer = ElementTree.SubElement(
        root, 'renderer-v2', type='categorizedSymbol', attr='class', symbollevels='0'
    )
    categories = ElementTree.SubElement(renderer, 'categories')
    symbols = ElementTree.SubElement(renderer, 'symbols')
    for index, name in enumerate(classes.names[UNCHANGED + 1 :]):
        colour = ','.join(map(str, classes.palette[index + UNCHANGED + 1]))
        ElementTree.SubElement(
            categories, 'category', value=name, label=name, symbol=str(index), render='true'
        )
        symbol = ElementTree.SubElement(symbols, 'symbol', type='fill', name=str(index), alpha='1')
        layer = ElementTree.SubElement(symbol, 'layer', {'class': 'SimpleFill', 'enabled': '1'})
        options = ElementTree.SubElement(layer, 'Option', type='Map')
        for key, value in (
            ('color', f'{colour},60'),
            ('outline_color', f'{colour},255'),
            ('outline_width', '0.5'),
            ('style', 'solid'),
        ):
            ElementTree.SubElement(options, 'Option', name=key, value=value, type='QString')
    return _text(root, doctype=True)


def category_names(classes: ChangeClasses) -> str:
    """The text of a GDAL .aux.xml file that names the values of the map."""
    root = ElementTree.Element('PAMDataset')
    band = ElementTree.SubElement(root, 'PAMRasterBand', band='1')
    names = ElementTree.SubElement(band, 'CategoryNames')
    known = dict(enumerate(classes.names)) | {NO_DATA: 'no data'}
    for value in range(NO_DATA + 1):
        ElementTree.SubElement(names, 'Category').text = known.get(value, '')
    return _text(root)


def add_polygon_style(path: Path, layer: str, classes: ChangeClasses, timestamp: str) -> None:
    """Put the polygons' style into a GeoPackage.

    Args:
        path: of the file.
        layer: its name.
        classes: of the polygons.
        timestamp: the time that the file notes as its last change (UTC, ISO 8601).
    """
    style = polygon_style(classes)
    row = ('', '', layer, GEOMETRY, 'change', style, '', 1, 'Made by mmcd', '', None, timestamp)
    with sqlite3.connect(path) as file:
        file.execute(STYLE_TABLE)
        file.execute(
            'INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change) '
            "VALUES ('layer_styles', 'attributes', 'layer_styles', ?)",
            (timestamp,),
        )
        file.execute(f'INSERT INTO layer_styles VALUES (1, {", ".join("?" * len(row))})', row)
    file.close()


def _hexadecimal(colour: tuple[int, ...]) -> str:
    return '#' + ''.join(f'{part:02x}' for part in colour[:3])


def _text(root: ElementTree.Element, *, doctype: bool = False) -> str:
    ElementTree.indent(root)
    head = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n" if doctype else ''
    return head + ElementTree.tostring(root, encoding='unicode') + '\n'
