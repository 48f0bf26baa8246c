from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from mmcd.errors import SceneError
from mmcd.scene.grid import Grid, find_overlap, pixel_area, pixel_sides, row_areas
from tests.scene.rasters import LEFT, TOP, UTM, chain, utm

CRS_UTM = CRS.from_string(UTM)
PIXELS = Grid(None, Affine.identity(), 100, 200)


def grid(height: int = 100, width: int = 200, **kwargs: float) -> Grid:
    return Grid(CRS_UTM, utm(**kwargs), height, width)


def test_the_same_grid_needs_no_warping() -> None:
    overlap = find_overlap(grid(), grid())
    assert (overlap.row, overlap.column, overlap.shift) == (0, 0, (0, 0))
    assert (overlap.grid.height, overlap.grid.width) == (100, 200)


def test_a_shift_by_whole_pixels_needs_no_warping() -> None:
    """The after image starts 20 pixels to the right and 10 further up."""
    overlap = find_overlap(grid(), grid(left=LEFT + 10, top=TOP + 5))
    assert (overlap.row, overlap.column) == (0, 20)
    assert (overlap.grid.height, overlap.grid.width) == (90, 180)
    assert overlap.shift == (10, 0)
    assert overlap.grid.to_ground(0, 0) == (LEFT + 10, TOP)


@pytest.mark.parametrize(
    'after',
    [
        grid(left=LEFT + 0.2),
        grid(metres=0.6),
        Grid(CRS_UTM, chain(utm(), Affine.rotation(3)), 100, 200),
    ],
    ids=['half a pixel', 'resolution', 'rotation'],
)
def test_other_grids_are_warped(after: Grid) -> None:
    overlap = find_overlap(grid(), after)
    assert overlap.shift is None
    assert overlap.grid.height <= 100 and overlap.grid.width <= 200


def test_a_slightly_other_pixel_size_adds_up_over_the_image() -> None:
    assert find_overlap(grid(), grid(metres=0.5001)).shift is None


def test_an_image_within_the_other_that_lies_a_rounding_beside_its_pixels() -> None:
    """Of 0.005 pixels: no further row or column, in which it would end, is taken for covered."""
    off = 0.005 * 0.5
    after = grid(height=50, width=150, left=LEFT + 10 + off, top=TOP - 5 - off)
    overlap = find_overlap(grid(), after)
    assert (overlap.grid.height, overlap.grid.width, overlap.shift) == (50, 150, (0, 0))


def test_another_crs() -> None:
    """The same ground in degrees: the overlap is what both cover."""
    lon, lat = 13.58, 50.54  # within the UTM grid below, near LEFT, TOP
    after = Grid(CRS.from_epsg(4326), Affine(1e-5, 0, lon, 0, -1e-5, lat), 100, 200)
    before = grid(height=4000, width=4000, metres=1, left=LEFT - 2000, top=TOP + 2000)
    overlap = find_overlap(before, after)
    assert overlap.shift is None
    # 100 rows of 1e-5 degrees are 111 m, 200 columns at this latitude 142 m.
    assert overlap.grid.height == pytest.approx(111, abs=6)
    assert overlap.grid.width == pytest.approx(142, abs=6)


SENTINEL2_TILE = Grid(CRS.from_epsg(32631), Affine(10, 0, 399960, 0, -10, 5500020), 10980, 10980)


def mosaic(west: float, south: float, east: float, north: float) -> Grid:
    """Cells of 0.01 degrees."""
    transform = Affine(0.01, 0, west, 0, -0.01, north)
    height, width = round((north - south) * 100), round((east - west) * 100)
    return Grid(CRS.from_epsg(4326), transform, height, width)


@pytest.mark.parametrize(
    'after',
    [mosaic(-180, -90, 180, 90), mosaic(-90, -60, 90, 84), mosaic(-80, 0, 80, 80)],
    ids=['globe', 'half of it', 'a sixth'],
)
@pytest.mark.parametrize('left', [300_000, 399_960, 699_960])
def test_an_image_of_half_the_earth_covers_all_of_the_other(after: Grid, left: float) -> None:
    """Of its border, much or all lies outside of the other's projection."""
    before = Grid(CRS.from_epsg(32631), Affine(10, 0, left, 0, -10, 5500020), 10980, 10980)
    overlap = find_overlap(before, after)
    assert (overlap.row, overlap.column, overlap.grid) == (0, 0, before)


def test_an_image_of_the_globe_in_a_conic_projection() -> None:
    before = Grid(CRS.from_epsg(2154), Affine(10, 0, 600_000, 0, -10, 6_800_000), 1000, 1000)
    assert find_overlap(before, mosaic(-180, -90, 180, 90)).grid == before


# Rows and columns of SENTINEL2_TILE, in which 49 degrees north and 2 degrees east are bent lines.
ROWS_OF_49_NORTH = 7166, 7257
FIRST_COLUMN_OF_2_EAST = 2640


@pytest.mark.parametrize(
    ('after', 'rows', 'columns'),
    [
        (mosaic(-180, 49, 180, 90), (0, ROWS_OF_49_NORTH[1]), (0, 10980)),
        (mosaic(-60, 49, 60, 80), (0, ROWS_OF_49_NORTH[1]), (0, 10980)),
        (mosaic(-180, -90, 180, 49), (ROWS_OF_49_NORTH[0], 10980), (0, 10980)),
        (mosaic(2, -90, 180, 90), (0, 10980), (FIRST_COLUMN_OF_2_EAST, 10980)),
    ],
    ids=['north', 'north of a third', 'south', 'east'],
)
def test_an_image_of_half_the_earth_that_ends_within_the_other(
    after: Grid, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    """Nothing of what it covers is lost, and of the rest at most 0.1 % are in the map."""
    overlap = find_overlap(SENTINEL2_TILE, after)
    for first, size, (start, stop) in (
        (overlap.row, overlap.grid.height, rows),
        (overlap.column, overlap.grid.width, columns),
    ):
        assert start - 12 <= first <= start and stop <= first + size <= stop + 12


def test_the_globe_is_cut_to_a_small_image() -> None:
    """The lattice, 11 degrees wide, has no point in it."""
    overlap = find_overlap(mosaic(-180, -90, 180, 90), SENTINEL2_TILE)
    assert (overlap.grid.height, overlap.grid.width) == (101, 153)


def test_projections_without_a_common_point() -> None:
    site = CRS.from_wkt('LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]')
    with pytest.raises(SceneError, match=r'Cannot go from EPSG:4326 to .*site.*: no point of one'):
        find_overlap(Grid(site, utm(), 10, 10), mosaic(0, 0, 1, 1))


def test_a_rotated_before_image() -> None:
    before = Grid(CRS_UTM, chain(utm(), Affine.rotation(30)), 100, 200)
    rows, columns = before.to_pixels(*before.to_ground(np.array([3.0]), np.array([7.0])))
    assert rows == pytest.approx(3) and columns == pytest.approx(7)
    assert find_overlap(before, before).shift == (0, 0)


def test_no_overlap_prints_both_extents() -> None:
    with pytest.raises(SceneError) as error:
        find_overlap(grid(), grid(left=LEFT + 1000))
    text = str(error.value)
    assert 'do not overlap' in text and text.count('EPSG:32633') == 2
    assert 'left 400000' in text and 'left 401000' in text and 'top 5600000' in text


@pytest.mark.parametrize('georeferenced_first', [True, False])
def test_one_without_georeference_prints_both(georeferenced_first: bool) -> None:
    pair = (grid(), PIXELS) if georeferenced_first else (PIXELS, grid())
    with pytest.raises(SceneError, match='One image is georeferenced') as error:
        find_overlap(*pair)
    assert 'left 400000' in str(error.value) and 'without georeference' in str(error.value)


def test_two_without_georeference() -> None:
    assert find_overlap(PIXELS, PIXELS).shift == (0, 0)
    other = Grid(None, Affine.identity(), 100, 201)
    with pytest.raises(SceneError, match=r'of one size.*\n.*100 x 200.*\n.*100 x 201'):
        find_overlap(PIXELS, other)


def test_world_files_without_a_crs() -> None:
    before = Grid(None, utm(), 100, 200)
    assert find_overlap(before, Grid(None, utm(top=TOP + 5), 100, 200)).shift == (10, 0)
    with pytest.raises(SceneError, match='no CRS to warp'):
        find_overlap(before, Grid(None, utm(0.7), 100, 200))


ZERO = np.zeros(1)
# Half of the ellipsoid WGS 84, in m².
HEMISPHERE = 510_065_621_724_078.9 / 2


def test_projected_pixels_are_planar() -> None:
    grid = Grid(CRS.from_string(UTM), chain(utm(0.5), Affine.rotation(30)), 10, 10)
    assert pixel_area(grid, ZERO, ZERO) == pytest.approx([0.25])


def test_feet() -> None:
    grid = Grid(CRS.from_epsg(2263), utm(2), 10, 10)  # US survey feet
    assert pixel_area(grid, ZERO, ZERO)[0] == pytest.approx(4 * 0.3048006096**2)


def test_degrees_are_true_to_area() -> None:
    """A hemisphere in cells of one degree sums up to half of the ellipsoid."""
    grid = Grid(CRS.from_epsg(4326), Affine(1, 0, -180, 0, -1, 90), 90, 360)
    assert row_areas(grid).sum() * 360 == pytest.approx(HEMISPHERE, rel=1e-6)


def test_mercator_is_true_to_area() -> None:
    """At 60 degrees north its pixels are about half as long as they seem."""
    y = 8_399_738  # of 60 degrees north
    grid = Grid(CRS.from_epsg(3857), Affine(10, 0, 0, 0, -10, y), 1, 1)
    # 1 / cos² of the latitude, up to the ellipsoid's flattening
    assert pixel_area(grid, ZERO, ZERO)[0] == pytest.approx(100 / 4, rel=0.01)


def test_miller_is_true_to_area() -> None:
    """At 60 degrees north its pixels seem 2 times as wide and 1.49 times as high as they are."""
    y = 7_624_985  # of 60 degrees north
    grid = Grid(CRS.from_string('ESRI:54003'), Affine(10, 0, 0, 0, -10, y), 1, 1)
    stretch = 2 / np.cos(np.radians(0.8 * 60))
    assert pixel_area(grid, ZERO, ZERO)[0] == pytest.approx(100 / stretch, rel=0.01)


@pytest.mark.parametrize('epsg', [4087, 32662])
def test_plate_carree_is_true_to_area(epsg: int) -> None:
    """Its pixels are those of degrees: at 60 degrees north half as wide as they seem."""
    metres = 111_319.490793  # a degree of the equator
    grid = Grid(CRS.from_epsg(epsg), Affine(10, 0, 0, 0, -10, 60 * metres), 10, 10)
    degrees = Affine(10 / metres, 0, 0, 0, -10 / metres, 60)
    expected = Grid(CRS.from_epsg(4326), degrees, 10, 10)
    assert row_areas(grid) == pytest.approx(row_areas(expected), rel=1e-3)
    assert grid.metres_per_pixel == pytest.approx(np.sqrt(100 / 2), rel=0.01)
    assert pixel_sides(grid) == pytest.approx(pixel_sides(expected), rel=1e-3)


@pytest.mark.parametrize(
    ('epsg', 'pixel', 'unit'),
    [(4326, 0.01, 1.0), (3832, 10.0, 111_319.490793)],
    ids=['degrees', 'Mercator of the Pacific'],
)
def test_areas_do_not_depend_on_the_meridian(epsg: int, pixel: float, unit: float) -> None:
    """The middle column lies on the meridian of 170 degrees, or of 180."""
    origin = 150 if epsg == 3832 else 0
    west, east = (
        Grid(CRS.from_epsg(epsg), Affine(pixel, 0, left, 0, -pixel, -17 * unit), 10, 21)
        for left in ((meridian - origin) * unit - 10.5 * pixel for meridian in (170, 180))
    )
    assert row_areas(east) == pytest.approx(row_areas(west), rel=1e-6)
    assert east.metres_per_pixel == pytest.approx(west.metres_per_pixel, rel=1e-6)


def test_without_a_crs_there_is_no_area() -> None:
    assert row_areas(Grid(None, Affine.identity(), 10, 10)) is None


# Of 1e-5 degrees at 60 degrees north, in m: along the meridian and along the parallel.
SIDES_AT_60 = 1.1141, 0.5580


def at_60_degrees_north(height: int, width: int) -> Grid:
    return Grid(CRS.from_epsg(4326), Affine(1e-5, 0, 10, 0, -1e-5, 60), height, width)


def test_the_sides_of_pixels() -> None:
    assert pixel_sides(at_60_degrees_north(10, 20)) == pytest.approx(SIDES_AT_60, rel=1e-3)
    wide = Affine.scale(2, 1)
    turned = Grid(CRS_UTM, chain(chain(utm(), Affine.rotation(30)), wide), 10, 20)
    assert pixel_sides(turned) == pytest.approx((0.5, 1))
    assert pixel_sides(Grid(CRS.from_epsg(2263), utm(2), 10, 10)) == pytest.approx((0.6096012,) * 2)
    assert pixel_sides(PIXELS) is None


def test_pixels_of_degrees_are_square_on_the_ground_once_resampled() -> None:
    resampled = at_60_degrees_north(1000, 1000).resampled(0.5)
    assert (resampled.height, resampled.width) == (2228, 1116)
    assert pixel_sides(resampled) == pytest.approx((0.5, 0.5), rel=1e-3)
