"""The grid of a map: where two rasters lie, and the ground that pixels cover.

Single points and windows are rasterio's. Its bounds (transform_bounds, windows.from_bounds) are not
enough for what two images share: they are refused for rotated rasters, and too large for rasters
that a change of CRS turns. So borders are followed point by point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from affine import Affine
from rasterio import windows
from rasterio.crs import CRS
from rasterio.transform import xy
from rasterio.warp import transform as transform_points
from rasterio.windows import Window

from mmcd.errors import SceneError

# Fractions of a pixel below this are rounding in the files' headers.
ROUNDING = 0.01
POINTS_PER_EDGE = 33
FULL_TURN = 360  # degrees of longitude
SURROUNDINGS = 1 / 8  # of the size, on each side


@dataclass(frozen=True)
class Grid:
    """Pixels on the ground.

    Args:
        crs: None where the file says nothing.
        transform: from (column, row) to the CRS's (x, y).
        height: in pixels.
        width: in pixels.
    """

    crs: CRS | None
    transform: Affine
    height: int
    width: int

    @property
    def is_georeferenced(self) -> bool:
        """Whether its pixels have a place on the ground."""
        return self.crs is not None or not self.transform.is_identity

    def part(self, row: int, column: int, height: int, width: int) -> Grid:
        """The grid of some of its pixels."""
        window = Window(column, row, width, height)
        return Grid(self.crs, windows.transform(window, self.transform), height, width)

    def through(self, inner: Affine, height: int, width: int) -> Grid:
        """The grid of pixels whose columns and rows ``inner`` maps to those of this one."""
        # Affine 3 has another operator for it than Affine 2.
        a, b, c, d, e, f = self.transform[:6]
        u, v, w, x, y, z = inner[:6]
        chained = Affine(
            a * u + b * x, a * v + b * y, a * w + b * z + c,
            d * u + e * x, d * v + e * y, d * w + e * z + f,
        )  # fmt: skip
        return Grid(self.crs, chained, height, width)

    def to_ground(self, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The x and y of (fractional) rows and columns, which count from the top left corner."""
        return xy(self.transform, rows, columns, offset='ul')

    def to_pixels(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows and columns of points on the ground."""
        columns, rows = xy(~self.transform, y, x, offset='ul')
        return rows, columns

    def edge_points(self) -> tuple[np.ndarray, np.ndarray]:
        """The x and y of points along its border."""
        steps = np.linspace(0, 1, POINTS_PER_EDGE)
        zeros, ones = np.zeros_like(steps), np.ones_like(steps)
        columns = np.concatenate([steps, ones, steps, zeros]) * self.width
        rows = np.concatenate([zeros, steps, ones, steps]) * self.height
        return self.to_ground(rows, columns)

    def describe(self) -> str:
        """Size, extent and pixel size in one line."""
        size = f'{self.height} x {self.width} pixels (height x width)'
        if not self.is_georeferenced:
            return f'{size}, without georeference'
        x, y = self.edge_points()
        crs = 'no CRS' if self.crs is None else self.crs.to_string()
        rows, columns = self.pixel_size
        return (
            f'{size} of {columns:.9g} x {rows:.9g}, extent left {x.min():.10g}, bottom '
            f'{y.min():.10g}, right {x.max():.10g}, top {y.max():.10g} ({crs:.60s})'
        )

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Height and width of a pixel in the CRS's units, each along the grid's own axis."""
        a, b, _, d, e, _ = self.transform[:6]
        return float(np.hypot(b, e)), float(np.hypot(a, d))

    @property
    def metres_per_pixel(self) -> float | None:
        """Side of a pixel in its middle, of the square that has its area; None without a CRS."""
        area = pixel_area(self, np.array([self.height / 2]), np.array([self.width / 2]))
        return None if area is None or not np.isfinite(area[0]) else float(np.sqrt(area[0]))

    def resampled(self, metres_per_pixel: float) -> Grid:
        """The same ground in pixels of about another size, square in the middle.

        Raises:
            SceneError: it has no CRS, and so no size of its pixels.
        """
        sides = pixel_sides(self)
        if sides is None:
            raise SceneError(
                'The images have no CRS, so that their ground resolution is not known. Resample '
                'them first, or give them a CRS, such as with gdal_edit.py -a_srs.'
            )
        height, width = (
            max(1, round(size * side / metres_per_pixel))
            for size, side in zip((self.height, self.width), sides, strict=True)
        )
        scale = Affine.scale(self.width / width, self.height / height)
        return self.through(scale, height, width)


def check_grid(grid: Grid, date: str) -> None:
    """Check a raster's grid before anything is computed by it.

    Args:
        grid: of the raster.
        date: its name in messages, 'before' or 'after'.

    Raises:
        SceneError: its pixels have no size, or their area cannot be computed.
    """
    numbers = list(grid.transform)[:6]
    if not np.isfinite(numbers).all() or not grid.transform.determinant:
        raise SceneError(
            f'The {date} image has no usable georeference: its transform is {numbers}, by which '
            'pixels have no size. Set it right, such as with gdal_edit.py -a_ullr.'
        )
    # The middles of the first, a middle and the last row.
    rows = np.array([0.5, grid.height / 2, grid.height - 0.5])
    try:
        area = pixel_area(grid, rows, np.full(3, grid.width / 2))
    except Exception as error:  # PROJ's and GDAL's types have no base of their own
        raise SceneError(
            f'The {date} image lies where no areas on the Earth can be computed, such as at '
            f'latitudes over 90 degrees or on another planet: {error}. It is in {grid.crs}. '
            'Give both images the CRS that they are in, such as with '
            'gdal_edit.py -a_srs, or none.'
        ) from error
    if area is not None and not (np.isfinite(area) & (area > 0)).all():
        raise SceneError(
            f'The {date} image lies where its CRS ends, such as at latitudes over 90 degrees: '
            f'{grid.describe()}. Is it the right CRS, and are x and y in the right order?'
        )


@dataclass(frozen=True)
class Overlap:
    """Where the map lies.

    Args:
        row: its first row in the before image.
        column: its first column there.
        grid: its own.
        shift: its first row and column in the after image, where that lies on the same pixels;
            None where the after image has to be warped.
        is_resampled: whether the map has other pixels than the before image, so that both images
            have to be warped.
    """

    row: int
    column: int
    grid: Grid
    shift: tuple[int, int] | None
    is_resampled: bool = False


def grid_of(dataset: Any) -> Grid:
    """The grid of a whole open raster."""
    return Grid(dataset.crs, dataset.transform, dataset.height, dataset.width)


def find_overlap(before: Grid, after: Grid) -> Overlap:
    """The part of the before image that the after image covers.

    Raises:
        SceneError: there is none, or the two cannot be laid over each other.
    """
    _check_georeference(before, after)
    if not before.is_georeferenced:
        return Overlap(0, 0, before, (0, 0))
    rows, columns = _footprint(after, before)
    top, bottom = _whole_pixels(rows, before.height)
    left, right = _whole_pixels(columns, before.width)
    if top >= bottom or left >= right:
        raise SceneError(
            f'The two images do not overlap.\n  before: {before.describe()}\n'
            f'  after: {after.describe()}'
        )
    grid = before.part(top, left, bottom - top, right - left)
    shift = _shift_between(grid, after)
    inside = shift is not None and (
        0 <= shift[0] <= after.height - grid.height and 0 <= shift[1] <= after.width - grid.width
    )
    return Overlap(top, left, grid, shift if inside else None)


def nearest_turn(x: np.ndarray, near: np.ndarray | float, turn: float) -> np.ndarray:
    """Of the coordinates that ``x`` has, one for each turn around the Earth, the nearest ones.

    Args:
        x: longitudes, or eastings of a cylindrical projection.
        near: what they are to be nearest to.
        turn: how much one turn around the Earth adds to them.
    """
    return near + (x - near + turn / 2) % turn - turn / 2


def bounds_in(grid: Grid, crs: CRS | None) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of a grid's surroundings in another CRS; None: in its own.

    They are somewhat wider than the grid, and longitudes go on beyond 180 degrees where it does.

    Raises:
        SceneError: no point of the grid has a place in that CRS.
    """
    steps = np.linspace(0, 1, POINTS_PER_EDGE)
    lattice = np.stack(np.meshgrid(steps * grid.height, steps * grid.width)).reshape(2, -1)
    points = np.stack(grid.to_ground(*lattice))
    if crs is not None and crs != grid.crs:
        points = np.stack(_project(grid.crs, crs, *points))
        points = points[:, np.isfinite(points).all(axis=0)]
        if not points.size:
            raise SceneError(
                f'Cannot go from {grid.crs} to {crs}: no point of the map has a place.'
            )
        if crs.is_geographic:
            points[0] = nearest_turn(points[0], points[0, points.shape[1] // 2], FULL_TURN)
    first, last = points.min(axis=1), points.max(axis=1)
    margin = (last - first) * SURROUNDINGS
    return *(first - margin).tolist(), *(last + margin).tolist()


def _check_georeference(before: Grid, after: Grid) -> None:
    both = f'\n  before: {before.describe()}\n  after: {after.describe()}'
    if (before.crs is None) != (after.crs is None) or (
        before.is_georeferenced != after.is_georeferenced
    ):
        raise SceneError(
            f'One image is georeferenced and the other is not, or has no CRS:{both}\n'
            'Give both the same kind of georeference, such as with gdal_edit.py -a_srs, or none.'
        )
    if not before.is_georeferenced and (before.height, before.width) != (
        after.height,
        after.width,
    ):
        raise SceneError(
            f'Two images without georeference must be of one size, pixel upon pixel:{both}'
        )
    if before.crs is None and before.is_georeferenced and not _shift_between(before, after):
        raise SceneError(
            f'The images lie on different grids and have no CRS to warp one to the other:{both}\n'
            'Give both a CRS, such as with gdal_edit.py -a_srs.'
        )


def _footprint(after: Grid, before: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Points that the after image covers, in rows and columns of the before image.

    They are what it covers of a lattice over the before image, and its border. The border of an
    image of half the Earth has no meaning in a projection of a small part of it, so that only the
    part near the before image is followed.

    Raises:
        SceneError: there is no way from one CRS to the other.
    """
    if after.crs == before.crs:
        return before.to_pixels(*after.edge_points())
    steps = np.linspace(0, 1, POINTS_PER_EDGE)
    lattice = np.stack(np.meshgrid(steps * before.height, steps * before.width)).reshape(2, -1)
    ground = _project(before.crs, after.crs, *before.to_ground(*lattice))
    in_after = np.stack(after.to_pixels(*ground))  # (2, N), rows and columns as in the others
    size = np.array([[after.height], [after.width]])
    covered = ((in_after >= -ROUNDING) & (in_after <= size + ROUNDING)).all(axis=0)
    if covered.all():
        return lattice[0], lattice[1]
    near = _part_around(after, in_after) if np.isfinite(in_after).all() else after
    border = np.stack(before.to_pixels(*_project(after.crs, before.crs, *near.edge_points())))
    if not np.isfinite(border).any() and not np.isfinite(in_after).any():
        raise SceneError(
            f'Cannot go from {after.crs} to {before.crs}: no point of one image has a place in the '
            'CRS of the other. Warp the after image to the CRS of the before image first.'
        )
    points = np.concatenate([border, lattice[:, covered]], axis=1)
    rows, columns = points[:, np.isfinite(points).all(axis=0)]
    return rows, columns


def _part_around(grid: Grid, positions: np.ndarray) -> Grid:
    """The part of a grid with all of these rows and columns (2, N), and some more around them."""
    size = np.array([grid.height, grid.width])
    first, last = positions.min(axis=1), positions.max(axis=1)
    margin = 1 + (last - first) / (POINTS_PER_EDGE - 1)
    first = np.clip(np.floor(first - margin), 0, size).astype(int)
    last = np.clip(np.ceil(last + margin), 0, size).astype(int)
    return grid.part(*first.tolist(), *(last - first).tolist())


def _project(
    source: CRS, target: CRS, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Points in another CRS; NaN where they have no place in it."""
    try:
        points = transform_points(source, target, x, y)
    except Exception:  # of many types; one point without a place can fail them all
        if len(x) == 1:
            return np.array([np.nan]), np.array([np.nan])
        single = [_project(source, target, x[i : i + 1], y[i : i + 1]) for i in range(len(x))]
        points = np.concatenate(single, axis=1)
    x, y = np.asarray(points[:2])
    there = np.isfinite(x) & np.isfinite(y)
    return np.where(there, x, np.nan), np.where(there, y, np.nan)


def _whole_pixels(positions: np.ndarray, size: int) -> tuple[int, int]:
    """First pixel, and the one after the last, that the positions touch within 0 .. size."""
    if len(positions) == 0:
        return 0, 0
    first = np.floor(positions.min() + ROUNDING)
    last = np.ceil(positions.max() - ROUNDING)
    return int(np.clip(first, 0, size)), int(np.clip(last, 0, size))


def _shift_between(one: Grid, other: Grid) -> tuple[int, int] | None:
    """Where ``one`` starts in ``other``, row and column; None where their pixels do not coincide.

    All corners are looked at: over an image, a difference in pixel size adds up.
    """
    if one.crs != other.crs:
        return None
    corners = np.array([(0, 0, one.height, one.height), (0, one.width, 0, one.width)])
    shifts = np.array(other.to_pixels(*one.to_ground(*corners))) - corners  # (2, 4)
    row, column = shifts.mean(axis=1).round().astype(int).tolist()
    return (row, column) if np.abs(shifts.T - (row, column)).max() < ROUNDING else None


# Lambert's cylindrical equal-area projection on WGS 84. It maps meridians and parallels to straight
# lines, so that pixels of a grid in degrees keep their exact area.
EQUAL_AREA = CRS.from_epsg(6933)
# From its one edge, the meridian of -180 degrees, to its other one, of 180 degrees, in m.
EQUAL_AREA_WIDTH = 2 * 17_367_530.445161372
# Cylindrical projections, by their names in PROJ, that are as far from true to scale as degrees
# are: Mercator's, plate carrée, Miller's.
DISTORTED_CYLINDERS = ('merc', 'webmerc', 'eqc', 'mill')


def pixel_area(grid: Grid, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | None:
    """The area in m² of the pixels at these (fractional) rows and columns.

    In a projected CRS it is the planar area; in a geographic one, and in
    :data:`DISTORTED_CYLINDERS`, that on the ellipsoid. Without a CRS there is none.

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
    # Corners of a pixel on the meridian of 180 degrees lie at both edges of the projection.
    x1, x2, x3 = (nearest_turn(x, x0, EQUAL_AREA_WIDTH) for x in (x1, x2, x3))
    # Half the cross product of the diagonals.
    return np.abs((x2 - x0) * (y3 - y1) - (x3 - x1) * (y2 - y0)) / 2


def pixel_sides(grid: Grid) -> tuple[float, float] | None:
    """The height and width in m of the pixel in the middle, each along the grid's own axis.

    Planar or on the ellipsoid as in :func:`pixel_area`. Without a CRS there are none.
    """
    if grid.crs is None:
        return None
    if not _is_distorted(grid.crs):
        height, width = (side * _metres_per_unit(grid.crs) for side in grid.pixel_size)
        return height, width
    rows = grid.height / 2 + np.array([0, -0.5, 0.5, 0, 0])
    columns = grid.width / 2 + np.array([0, 0, 0, -0.5, 0.5])
    x, y = grid.to_ground(rows, columns)
    x, y = transform_points(grid.crs, _local_crs(grid.crs, x[0], y[0]), x, y)[:2]
    _, top, bottom, left, right = np.stack([x, y], axis=1)
    return float(np.hypot(*(bottom - top))), float(np.hypot(*(right - left)))


def _local_crs(crs: CRS, x: float, y: float) -> CRS:
    """A CRS in metres that is true to scale on all lines through a point."""
    (longitude,), (latitude,) = transform_points(crs, CRS.from_epsg(4326), [x], [y])[:2]
    return CRS.from_dict(proj='aeqd', lat_0=latitude, lon_0=longitude, datum='WGS84')


def row_areas(grid: Grid) -> np.ndarray | None:
    """The area in m² of a pixel in the middle of each row, (H,)."""
    rows = np.arange(grid.height) + 0.5
    return pixel_area(grid, rows, np.full(grid.height, grid.width / 2))


def _is_distorted(crs: CRS) -> bool:
    return crs.is_geographic or crs.to_dict().get('proj') in DISTORTED_CYLINDERS


def _metres_per_unit(crs: CRS) -> float:
    return float(crs.linear_units_factor[1])
