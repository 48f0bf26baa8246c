"""Polygons of the changed areas."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio import features

from mmcd.scene.grid import Grid, pixel_area
from mmcd.scene.partial_run import NO_DATA, PROBABILITY_STEPS, FinishedRows
from mmcd.scene.styles import add_polygon_style
from mmcd.scene.writing import writing
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import UNCHANGED

DRIVERS = {'.gpkg': 'GPKG', '.geojson': 'GeoJSON'}
LAYER = 'change'


@dataclass(frozen=True)
class ChangePolygons:
    """Changed areas, each a row; sorted by their number.

    Args:
        outlines: polygons in columns and rows of the map.
        number: row * width + column of the area's first pixel: it does not depend on what else
            was found, nor on the settings of the vectors.
        pixels: number of pixels.
        area: in m², of the pixels; NaN without a CRS.
        kind: the index of the class that each is of.
    """

    outlines: np.ndarray
    number: np.ndarray
    pixels: np.ndarray
    area: np.ndarray
    kind: np.ndarray

    def __len__(self) -> int:
        return len(self.outlines)

    def select(self, which: np.ndarray) -> ChangePolygons:
        """Some of them."""
        return ChangePolygons(*(getattr(self, field.name)[which] for field in fields(self)))


def find_polygons(mask: Path, grid: Grid, min_area: float = 0) -> ChangePolygons:
    """The connected areas of one kind of change in a mask; neighbours share a side of a pixel.

    GDAL goes over the file line by line, so memory grows with the number of polygons only.

    Args:
        mask: a raster file of one band.
        grid: of the map.
        min_area: smaller areas are left out; in m², without a CRS in pixels.
    """
    with rasterio.open(mask) as file:
        band = rasterio.band(file, 1)
        found_areas = [
            (shapely.Polygon(shape['coordinates'][0], shape['coordinates'][1:]), int(value))
            for shape, value in features.shapes(band, mask=band)
            if value not in (UNCHANGED, NO_DATA)
        ]
    on_ground = [outline for outline, _ in found_areas]
    kind = np.array([value for _, value in found_areas], np.int64)
    # Corners of pixels are whole numbers.
    outlines = shapely.transform(
        np.array(on_ground, dtype=object),
        lambda points: np.stack(grid.to_pixels(*points.T)[::-1], axis=1).round(),
    )
    pixels = shapely.area(outlines).round().astype(np.int64)
    centre = shapely.centroid(outlines)
    each = pixel_area(grid, shapely.get_y(centre), shapely.get_x(centre))
    area = np.full(len(outlines), np.nan) if each is None else pixels * each
    found = ChangePolygons(outlines, _first_pixels(outlines, grid.width), pixels, area, kind)
    size = pixels if each is None else area
    kept = np.flatnonzero(size >= min_area)
    return found.select(kept[np.argsort(found.number[kept])])


def mean_probability(polygons: ChangePolygons, strips: Iterable[FinishedRows]) -> np.ndarray:
    """The mean probability of change within each polygon.

    Args:
        polygons: in columns and rows of the map.
        strips: its rows from top to bottom, with their probability.
    """
    if not len(polygons):
        return np.zeros(0)
    total = np.zeros(len(polygons) + 1)
    steps = 1
    top_row, bottom_row = shapely.bounds(polygons.outlines)[:, [1, 3]].T
    row = 0
    for strip in strips:
        if strip.probability is None:
            raise ValueError('The strips were kept without their probability.')
        if strip.probability.dtype == np.uint8:
            steps = PROBABILITY_STEPS
        here = np.flatnonzero((top_row < row + len(strip.mask)) & (bottom_row > row))
        if len(here):
            labels = features.rasterize(
                zip(polygons.outlines[here], here + 1, strict=True),
                out_shape=strip.mask.shape,
                transform=Affine.translation(0, row),
                dtype=np.int32,
            )
            inside = labels > 0
            weights = strip.probability[inside].astype(np.float64)
            total += np.bincount(labels[inside], weights, minlength=len(total))
        row += len(strip.mask)
    return total[1:] / polygons.pixels / steps


def write_polygons(
    path: Path,
    polygons: ChangePolygons,
    probability: np.ndarray,
    grid: Grid,
    *,
    classes: ChangeClasses = BINARY_CHANGE,
    simplify: float = 0,
    timestamp: str | None = None,
) -> None:
    """Write polygons under the partial name of a GeoPackage or GeoJSON file.

    Args:
        path: the name it will have; its ending tells the format.
        polygons: in columns and rows of the map.
        probability: the mean of each.
        grid: of the map.
        classes: the names for the column ``class``.
        simplify: how far an outline may move, in pixels.
        timestamp: the time that a GeoPackage notes as its last change (UTC, ISO 8601).

    Raises:
        SceneStoppedError: it can't be written.
    """
    outlines = polygons.outlines
    if simplify:
        outlines = shapely.simplify(outlines, simplify, preserve_topology=True)
    on_ground = shapely.transform(
        outlines, lambda points: np.stack(grid.to_ground(points[:, 1], points[:, 0]), axis=1)
    )
    columns = dict(
        change_id=polygons.number,
        area_m2=polygons.area,
        pixels=polygons.pixels,
        mean_probability=probability.round(4),
    )
    columns['class'] = np.array([classes.names[index] for index in polygons.kind], dtype=object)
    driver = DRIVERS[path.suffix.lower()]
    # As its standard asks: longitude and latitude, whatever the CRS of the map.
    options = dict(RFC7946='YES') if driver == 'GeoJSON' and grid.crs is not None else {}
    with writing(path) as partial, _quiet_gdal(timestamp):
        pyogrio.raw.write(
            partial,
            shapely.to_wkb(on_ground),
            list(columns.values()),
            list(columns),
            layer=LAYER,
            driver=driver,
            geometry_type='Polygon',
            crs=None if grid.crs is None else grid.crs.to_wkt(),
            layer_options=options,
        )
        if driver == 'GPKG':
            add_polygon_style(partial, LAYER, classes, timestamp or _now())
        if pyogrio.read_info(partial, layer=LAYER)['features'] != len(polygons):
            raise OSError('read back, it is not what was written.')


def _now() -> str:
    return datetime.now(timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')


def _first_pixels(outlines: np.ndarray, width: int) -> np.ndarray:
    """The number of each outline's first pixel, row by row."""
    points, owner = shapely.get_coordinates(outlines, return_index=True)
    top = np.full(len(outlines), np.inf)
    np.minimum.at(top, owner, points[:, 1])
    left = np.full(len(outlines), np.inf)
    highest = points[:, 1] == top[owner]
    np.minimum.at(left, owner[highest], points[highest, 0])
    return (top * width + left).astype(np.int64)


@contextmanager
def _quiet_gdal(timestamp: str | None) -> Iterator[None]:
    """Write with a given time, and without a warning that there may be no CRS."""
    name = 'OGR_CURRENT_DATE'
    before = pyogrio.get_gdal_config_option(name)
    pyogrio.set_gdal_config_options({name: timestamp})
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', message="'crs' was not provided")
            yield
    finally:
        pyogrio.set_gdal_config_options({name: before})
