"""Areas of a scene that are left out, such as clouds and their shadows."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from rasterio import features
from rasterio.enums import Resampling
from rasterio.errors import CRSError, RasterioError
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from mmcd.errors import SceneError
from mmcd.scene.grid import Grid, grid_of
from mmcd.scene.sources import check_dataset, check_no_pipe, check_path

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
                outlines.append(read_outlines(path, grid))
            else:
                check_dataset(dataset, 'mask', allow_remote=allow_remote)
                rasters.append(stack.enter_context(_on_grid(dataset, path, grid)))
        yield Exclusions(grid, rasters, np.concatenate([*outlines, np.array([], dtype=object)]))


def read_outlines(path: str, grid: Grid) -> np.ndarray:
    """The polygons of a file in the CRS of a map; rows without one, or an empty one, are left out.

    Args:
        path: anything that GDAL reads vectors from; of several layers, the first.
        grid: of the map; without a CRS, the polygons are in its columns and rows.

    Raises:
        SceneError: it cannot be read, or holds something else.
    """
    outlines, _ = read_polygons(path, grid, columns=[])
    return outlines[~shapely.is_empty(outlines)]


def read_polygons(
    path: str, grid: Grid, columns: Sequence[str] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The rows of a file: a polygon in the CRS of a map, empty where there is none, and columns.

    Args:
        path: see :func:`read_outlines`.
        grid: see there.
        columns: names of those that are read; None: all.

    Raises:
        SceneError: see there.
    """
    check_no_pipe(path, 'file of polygons')
    try:
        meta, _, geometry, values = pyogrio.raw.read(path, columns=columns)
    except Exception as error:  # pyogrio has several types of them
        raise SceneError(f'Cannot read {path} as a raster or as polygons: {error}') from error
    if geometry is None:
        raise SceneError(f'{path} is a table without geometries; polygons are expected.')
    outlines = shapely.from_wkb(geometry)
    has_none = shapely.is_missing(outlines) | shapely.is_empty(outlines)
    if not np.isin(shapely.get_type_id(outlines[~has_none]), POLYGONS).all():
        raise SceneError(f'{path} holds points or lines; polygons are expected.')
    outlines[has_none] = shapely.Polygon()
    names = [str(name) for name in meta['fields']]
    return _to_crs(outlines, meta['crs'], grid, path), dict(zip(names, values, strict=True))


def _to_crs(outlines: np.ndarray, crs: str | None, grid: Grid, path: str) -> np.ndarray:
    if crs is None or grid.crs is None or rasterio.crs.CRS.from_string(crs) == grid.crs:
        return outlines

    def project(points: np.ndarray) -> np.ndarray:
        x, y = transform_points(crs, grid.crs, *points.T)
        return np.stack([x, y], axis=1)

    try:
        return shapely.transform(outlines, project) if len(outlines) else outlines
    except (CRSError, RuntimeError) as error:
        raise SceneError(f'Cannot bring {path} to {grid.crs}: {error}') from error


def _on_grid(dataset: Any, path: str, grid: Grid) -> Any:
    own = grid_of(dataset)
    if own == grid:
        return contextlib.nullcontext(dataset)
    if (own.crs is None) != (grid.crs is None) or not own.is_georeferenced:
        raise SceneError(
            f'The mask {path} does not lie on the map.\n  mask: {own.describe()}\n'
            f'  map:  {grid.describe()}\nGive it the same kind of georeference, or the same size.'
        )
    return WarpedVRT(
        dataset,
        crs=grid.crs,
        transform=grid.transform,
        height=grid.height,
        width=grid.width,
        resampling=Resampling.nearest,
        add_alpha=False,
    )
