"""The STAC item of a change map."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.warp import transform_geom

from mmcd.errors import SceneError
from mmcd.io.atomic import write_whole
from mmcd.io.stac import PROJECTION, RASTER, as_time, class_objects, file_asset, make_item
from mmcd.scene.grid import POINTS_PER_EDGE, Grid
from mmcd.scene.partial_run import NO_DATA, PROBABILITY_STEPS
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings, parse_moment
from mmcd.structures import ChangeClasses

GEOTIFF = 'image/tiff; application=geotiff'
COG = f'{GEOTIFF}; profile=cloud-optimized'
VECTORS = {'.gpkg': 'application/geopackage+sqlite3', '.geojson': 'application/geo+json'}
DECIMALS = 7  # of degrees: some centimetres
# '20190812', '20190812T105031'
_DATE = re.compile(r'(?<!\d)((?:19|20)\d{6})(?:T(\d{6}))?(?!\d)')


def scene_dates(paths: Sequence[str], settings: SceneSettings, grid: Grid) -> tuple[str, ...]:
    """When the two images were taken, as RFC 3339: as the settings, else the files say.

    A file says so by its tag of acquisition, by its name, or by its TIFF tag of date and time,
    in this order: programs that rewrite a file may set the last one anew.

    Raises:
        SceneError: neither says so, or the map has no place on the Earth.
    """
    if grid.crs is None:
        raise SceneError(
            'A STAC item needs a place on the Earth, but the images have no CRS. Leave --stac out.'
        )
    if settings.dates:
        return tuple(as_time(parse_moment(text)) for text in settings.dates)
    found = [_date_of(path) for path in paths]
    lacking = [path for path, date in zip(paths, found, strict=True) if date is None]
    if lacking:
        raise SceneError(
            f'A STAC item needs to know when the images were taken, and neither the '
            f'name nor the tags of {" and of ".join(lacking)} hold a date such as 20190812 or '
            '20190812T105031. Name both: --dates 2019-08-12 2023-08-16.'
        )
    return tuple(as_time(date) for date in found if date is not None)


def write_item(
    outputs: SceneOutputs,
    settings: SceneSettings,
    grid: Grid,
    classes: ChangeClasses,
    dates: Sequence[str],
    report: dict[str, Any],
) -> Path:
    """Write the item beside the map, whose files are there.

    Args:
        outputs: of the scene.
        settings: of it.
        grid: of the map.
        classes: of the map.
        dates: from :func:`scene_dates`.
        report: of the scene.
    """
    ring = footprint(grid)
    degrees = np.array([point for part in _rings(ring) for point in part])
    west, south = degrees.min(axis=0)
    east, north = degrees.max(axis=0)
    if ring['type'] == 'MultiPolygon':  # cut where it crosses the 180th meridian
        west, east = (degrees[degrees[:, 0] > 0, 0].min(), degrees[degrees[:, 0] < 0, 0].max())
    properties = {
        'datetime': None,
        'start_datetime': min(dates),
        'end_datetime': max(dates),
        'gsd': grid.metres_per_pixel,
        'proj:code': _code(grid),
        'proj:wkt2': grid.crs.to_wkt() if grid.crs is not None else None,
        'proj:shape': [grid.height, grid.width],
        'proj:transform': list(grid.transform)[:6],
        'mmcd:model': report['model'],
        'mmcd:changed_area_m2': report['changed_area_m2'],
        'mmcd:threshold': settings.threshold,
    }
    assets = _assets(outputs, settings, classes)
    is_scaled = any('raster:scale' in asset for asset in assets.values())
    item = make_item(
        outputs.mask.stem,
        properties,
        assets,
        [PROJECTION, RASTER] if is_scaled else [PROJECTION],
        geometry=ring,
        bbox=[round(float(value), DECIMALS) for value in (west, south, east, north)],
    )
    write_whole(outputs.stac, json.dumps(item, indent=2) + '\n')
    return outputs.stac


def footprint(grid: Grid) -> dict[str, Any]:
    """The map's border as GeoJSON, in degrees, followed point by point."""
    steps = np.linspace(0, 1, POINTS_PER_EDGE)[:-1]
    zeros, ones = np.zeros_like(steps), np.ones_like(steps)
    columns = np.concatenate([zeros, steps, ones, 1 - steps]) * grid.width
    rows = np.concatenate([steps, ones, 1 - steps, zeros]) * grid.height
    points = list(zip(*(axis.tolist() for axis in grid.to_ground(rows, columns)), strict=True))
    shape = dict(type='Polygon', coordinates=[[*points, points[0]]])
    return transform_geom(
        grid.crs, 'EPSG:4326', shape, antimeridian_cutting=True, precision=DECIMALS
    )


def _rings(shape: dict[str, Any]) -> list[Any]:
    parts = shape['coordinates']
    return [ring for part in parts for ring in part] if shape['type'] == 'MultiPolygon' else parts


def _assets(
    outputs: SceneOutputs, settings: SceneSettings, classes: ChangeClasses
) -> dict[str, dict[str, Any]]:
    raster = COG if settings.cog else GEOTIFF
    item = outputs.stac
    values = {'classification:classes': class_objects(classes, no_data=NO_DATA)}
    found = dict(
        map=file_asset(
            outputs.mask, item, raster, ['data'], data_type='uint8', nodata=NO_DATA, **values
        ),
        report=file_asset(outputs.report, item, 'application/json', ['metadata']),
        style=file_asset(outputs.style, item, 'application/xml', ['metadata']),
    )
    if outputs.probability is not None:
        kind = settings.probability_type
        stored: dict[str, Any] = (
            dict(nodata='nan')
            if kind == 'float32'
            else {'nodata': NO_DATA, 'raster:scale': 1 / PROBABILITY_STEPS}
        )
        found['probability'] = file_asset(
            outputs.probability, item, raster, ['data'], data_type=kind, **stored
        )
    if outputs.vectors is not None:
        kind = VECTORS[outputs.vectors.suffix.lower()]
        found['polygons'] = file_asset(outputs.vectors, item, kind, ['data'])
    if settings.zones is not None:
        found['zones'] = file_asset(outputs.zones, item, 'text/csv', ['data'])
    if outputs.quicklook.is_file():
        found['quicklook'] = file_asset(outputs.quicklook, item, 'image/png', ['overview'])
    return found


def _code(grid: Grid) -> str | None:
    authority = None if grid.crs is None else grid.crs.to_authority()
    return None if authority is None else ':'.join(authority)


def _date_of(path: str) -> datetime | None:
    acquired = written = None
    if os.path.isfile(path):
        with rasterio.open(path) as file:
            acquired = file.tags(ns='IMAGERY').get('ACQUISITIONDATETIME')
            written = file.tags().get('TIFFTAG_DATETIME')
    return (
        _parse(acquired, '%Y-%m-%d %H:%M:%S')
        or _date_in(os.path.basename(os.path.normpath(path)))
        or _parse(written, '%Y:%m:%d %H:%M:%S')
    )


def _parse(text: str | None, form: str) -> datetime | None:
    try:
        return datetime.strptime((text or '')[:19], form)  # without fractions of seconds
    except ValueError:
        return None


def _date_in(name: str) -> datetime | None:
    for day, time in _DATE.findall(name):
        try:
            return datetime.strptime(f'{day}{time or "000000"}', '%Y%m%d%H%M%S')
        except ValueError:  # eight digits that are no date
            continue
    return None
