"""Areas of a scene that are left out, such as clouds and their shadows."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio import features
from rasterio.crs import CRS
from rasterio.enums import ColorInterp, Resampling
from rasterio.errors import RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from mmcd.errors import SceneError
from mmcd.scene.grid import FULL_TURN, Grid, bounds_in, grid_of, nearest_turn
from mmcd.scene.sources import (
    check_dataset,
    check_no_pipe,
    check_path,
    check_vectors,
    pyogrio_options,
)

logger = logging.getLogger('mmcd')

EMPTY = shapely.Polygon()
# Of the larger side of a map and its surroundings: by edges of at most this part, what is bent in
# another CRS is off by a hundredth of a pixel in a map of 50,000 pixels of 10 m.
SEGMENTS = 256
TURNS = (-FULL_TURN, 0, FULL_TURN)  # between the longitudes that one place has
POLYGONS = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


class Exclusions:
    """What several masks leave out, on the grid of the map.

    Args:
        grid: of the map.
        rasters: open rasters on that grid.
        outlines: polygons in the CRS of the map.
    """

    def __init__(self, grid: Grid, rasters: Sequence[Any], outlines: np.ndarray) -> None:
        self._grid = grid
        self._rasters = list(rasters)
        self._outlines = outlines
        self._tree = shapely.STRtree(outlines)
        # Both dates are read at the same time, and GDAL's files take one thread each.
        self._lock = threading.Lock()

    def read(self, row: int, height: int, column: int, width: int) -> np.ndarray:
        """Where a window of the map is left out, (height, width) bool."""
        part = self._grid.part(row, column, height, width)
        left_out = np.zeros((height, width), bool)
        with self._lock:
            for raster in self._rasters:
                window = Window(column, row, width, height)
                values, is_data = raster.read(1, window=window), raster.read_masks(1, window=window)
                left_out |= (values != 0) & (is_data != 0)
        corners = part.edge_points()
        box = shapely.box(*(f(c) for f in (np.min, np.max) for c in corners))
        found = self._outlines[self._tree.query(box, predicate='intersects')]
        if len(found):
            left_out |= features.rasterize(
                found, out_shape=(height, width), transform=part.transform, all_touched=True
            ).astype(bool)
        return left_out


@contextlib.contextmanager
def open_exclusions(
    paths: Sequence[str], grid: Grid, *, allow_remote: bool = False
) -> Iterator[Exclusions | None]:
    """Open the masks of a scene.

    Args:
        paths: rasters, in which what is not 0 (nor no data) is left out, or files of polygons.
        grid: of the map.
        allow_remote: see :mod:`mmcd.scene.sources`.

    Raises:
        SceneError: a file is neither, reaches further than it may, or cannot be laid over the map.
    """
    if not paths:
        yield None
        return
    with contextlib.ExitStack() as stack:
        rasters, outlines = [], []
        for path in paths:
            check_path(path, 'mask', allow_remote=allow_remote)
            check_no_pipe(path, 'mask')
            try:
                dataset = stack.enter_context(rasterio.open(path))
            except RasterioError:
                outlines.append(read_outlines(path, grid, allow_remote=allow_remote))
            else:
                check_dataset(dataset, 'mask', allow_remote=allow_remote)
                _check_band(dataset, path)
                rasters.append(stack.enter_context(_on_grid(dataset, path, grid)))
        yield Exclusions(grid, rasters, np.concatenate([*outlines, np.array([], dtype=object)]))


def read_outlines(path: str, grid: Grid, *, allow_remote: bool = False) -> np.ndarray:
    """The polygons of a file in the CRS of a map; rows without one, or an empty one, are left out.

    Args:
        path: anything that GDAL reads vectors from; of several layers, the first.
        grid: of the map; without a CRS, the polygons are in its columns and rows.
        allow_remote: see :mod:`mmcd.scene.sources`.

    Raises:
        SceneError: it cannot be read, reaches further than it may, holds something else, or does
            not say which CRS it is in.
    """
    outlines, _ = read_polygons(path, grid, columns=[], allow_remote=allow_remote)
    return outlines[~shapely.is_empty(outlines)]


def read_polygons(
    path: str, grid: Grid, columns: Sequence[str] | None = None, *, allow_remote: bool = False
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The rows of a file: a polygon in the CRS of a map, empty where there is none, and columns.

    Args:
        path: see :func:`read_outlines`.
        grid: see there.
        columns: names of those that are read; None: all.
        allow_remote: see there.

    Raises:
        SceneError: see there.
    """
    what = 'file of polygons'
    check_path(path, what, allow_remote=allow_remote)
    check_no_pipe(path, what)
    with pyogrio_options(allow_remote):
        try:
            check_vectors(path, what, allow_remote=allow_remote)
            meta, _, geometry, values = pyogrio.raw.read(path, columns=columns)
        except SceneError:
            raise
        except Exception as error:  # pyogrio has several types of them
            raise SceneError(f'Cannot read {path} as a raster or as polygons: {error}') from error
    if geometry is None:
        raise SceneError(f'{path} is a table without geometries; polygons are expected.')
    outlines = shapely.from_wkb(geometry)
    has_none = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    if not np.isin(shapely.get_type_id(outlines[~has_none]), POLYGONS).all():
        raise SceneError(f'{path} holds points or lines; polygons are expected.')
    outlines[has_none] = EMPTY
    names = [str(name) for name in meta['fields']]
    return _to_crs(outlines, meta['crs'], grid, path), dict(zip(names, values, strict=True))


def _to_crs(outlines: np.ndarray, text: str | None, grid: Grid, path: str) -> np.ndarray:
    """Polygons in the CRS of a map; of those in another CRS, what lies around the map."""
    if text is None and grid.crs is not None:
        raise SceneError(
            f'{path} does not say in which CRS its polygons are, and the map is in {grid.crs}. '
            'Give it its CRS: a shapefile has it in a .prj file, others get it by ogr2ogr -a_srs.'
        )
    try:
        crs = None if grid.crs is None else CRS.from_string(text)
        bounds = bounds_in(grid, crs)
        around = _area(bounds, crs)
        extent = shapely.envelope(shapely.GeometryCollection(list(outlines)))
        _warn_if_apart(path, extent, around, grid)
        if crs != grid.crs and len(outlines):
            # What is straight in one CRS is bent in another, and far from the map it may have no
            # place.
            step = np.ptp(np.reshape(bounds, (2, 2)), axis=0).max() / SEGMENTS
            outlines = _project(shapely.segmentize(_clip(outlines, around), step), crs, grid)
        both_in_degrees = _is_in_degrees(crs) and _is_in_degrees(grid.crs)
        return _turn(outlines, grid) if both_in_degrees else outlines
    except Exception as error:  # PROJ's and GDAL's types have no base of their own
        raise SceneError(f'Cannot bring {path} to {grid.crs}: {error}') from error


def _area(bounds: tuple[float, float, float, float], crs: CRS | None) -> Any:
    """The area within bounds, at all the longitudes that its places may have."""
    left, bottom, right, top = bounds
    turns = TURNS if _is_in_degrees(crs) else (0,)
    return shapely.union_all([shapely.box(left + t, bottom, right + t, top) for t in turns])


def _project(outlines: np.ndarray, crs: CRS, grid: Grid) -> np.ndarray:
    left, _, right, _ = bounds_in(grid, None)
    # PROJ's longitudes end at 180 degrees, across which a map and a polygon may lie.
    is_across = _is_in_degrees(grid.crs) and not _is_in_degrees(crs) and right - left < 180

    def project(points: np.ndarray) -> np.ndarray:
        x, y = map(np.asarray, transform_points(crs, grid.crs, *points.T))
        if is_across:
            x = nearest_turn(x, (left + right) / 2, FULL_TURN)
        return np.stack([x, y], axis=1)

    return shapely.transform(outlines, project)


def _turn(outlines: np.ndarray, grid: Grid) -> np.ndarray:
    """Polygons in degrees at the longitudes that a map has, which may go on beyond 180."""
    area = shapely.box(*bounds_in(grid, None))
    turned = [_clip(_shift(outlines, turn), area) for turn in TURNS]
    whole = np.full(len(outlines), EMPTY, dtype=object)
    for index, copies in enumerate(zip(*turned, strict=True)):
        found = [each for each in copies if not shapely.is_empty(each)]
        whole[index] = found[0] if len(found) == 1 else _polygons_of(shapely.union_all(found))
    return whole


def _shift(outlines: np.ndarray, turn: float) -> np.ndarray:
    return shapely.transform(outlines, lambda points: np.add(points, (turn, 0)))


def _is_in_degrees(crs: CRS | None) -> bool:
    return crs is not None and crs.is_geographic


def _clip(outlines: np.ndarray, area: Any) -> np.ndarray:
    """What of each polygon lies in an area; an empty polygon where nothing does."""
    boxes = shapely.envelope(outlines)
    clipped = np.full(len(outlines), EMPTY, dtype=object)
    inside = shapely.covers(area, boxes)
    clipped[inside] = outlines[inside]
    for index in np.flatnonzero(shapely.intersects(area, boxes) & ~inside):
        # A polygon that crosses itself cannot be cut.
        valid = _polygons_of(shapely.make_valid(outlines[index]))
        clipped[index] = _polygons_of(shapely.intersection(valid, area))
    return clipped


def _polygons_of(shape: Any) -> Any:
    """A shape without the lines and points that a repair or a cut leaves."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.MultiPolygon(list(parts[shapely.area(parts) > 0]))


def _warn_if_apart(path: str, extent: Any, around: Any, grid: Grid) -> None:
    if not shapely.is_empty(extent) and shapely.disjoint(extent, around):
        logger.warning(
            'Nothing in %s lies on the map, so that it has no effect. Is it the file of another '
            'scene?\n  map: %s',
            *(path, grid.describe()),
        )


def _check_band(dataset: Any, path: str) -> None:
    bands = sum(what != ColorInterp.alpha for what in dataset.colorinterp)
    if bands != 1:
        raise SceneError(
            f'The mask {path} has {bands} bands besides alpha, and a mask has one. Write each that '
            'counts to a file, such as with gdal_translate -b 1, and name all of these: masks add '
            'up.'
        )


def _on_grid(dataset: Any, path: str, grid: Grid) -> Any:
    own = grid_of(dataset)
    if own == grid:
        return contextlib.nullcontext(dataset)
    if (own.crs is None) != (grid.crs is None) or not own.is_georeferenced:
        raise SceneError(
            f'The mask {path} does not lie on the map.\n  mask: {own.describe()}\n'
            f'  map:  {grid.describe()}\nGive it the same kind of georeference, or the same size.'
        )
    extent = shapely.MultiPoint(np.stack(own.edge_points(), axis=1)).convex_hull
    _warn_if_apart(path, extent, _area(bounds_in(grid, own.crs), own.crs), grid)
    return WarpedVRT(
        dataset,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        resampling=Resampling.nearest,
        add_alpha=False,
    )
