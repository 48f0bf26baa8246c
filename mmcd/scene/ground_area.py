"""The ground that pixels cover, in square metres."""

from __future__ import annotations

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points

from mmcd.scene.grid import Grid

# Lambert's cylindrical equal-area projection on WGS 84. It maps meridians and parallels to straight
# lines, so that pixels of a grid in degrees keep their exact area.
EQUAL_AREA = CRS.from_epsg(6933)
# Pixels of these are planar, but as far from true to scale as degrees are.
MERCATORS = ('merc', 'webmerc')


def pixel_area(grid: Grid, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | None:
    """The area in m² of the pixels at these (fractional) rows and columns.

    In a projected CRS it is the planar area, in geographic and Mercator ones that on the
    ellipsoid. Without a CRS there is none.

    Shape:
        rows, columns: (N,); the result (N,) float64.
    """
    if grid.crs is None:
        return None
    if not _is_distorted(grid.crs):
        metres = _metres_per_unit(grid.crs)
        return np.full(len(rows), abs(grid.transform.determinant) * metres**2)
    corners = []
    for down, across in ((0, 0), (0, 1), (1, 1), (1, 0)):
        x, y = grid.to_ground(rows - 0.5 + down, columns - 0.5 + across)
        points = transform_points(grid.crs, EQUAL_AREA, x, y)
        corners.append(np.asarray(points[:2]))
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = corners
    # Half the cross product of the diagonals.
    return np.abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2


def row_areas(grid: Grid) -> np.ndarray | None:
    """The area in m² of a pixel in the middle of each row, (H,)."""
    rows = np.arange(grid.height) + 0.5
    return pixel_area(grid, rows, np.full(grid.height, grid.width / 2))


def _is_distorted(crs: CRS) -> bool:
    return crs.is_geographic or crs.to_dict().get('proj') in MERCATORS


def _metres_per_unit(crs: CRS) -> float:
    return float(crs.linear_units_factor[1])
