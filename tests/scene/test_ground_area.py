from __future__ import annotations

import numpy as np
import pytest
from rasterio.crs import CRS
from rasterio.transform import Affine

from mmcd.scene.grid import Grid, chain
from mmcd.scene.ground_area import pixel_area, row_areas
from tests.scene.rasters import UTM, utm

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


def test_without_a_crs_there_is_no_area() -> None:
    assert row_areas(Grid(None, Affine.identity(), 10, 10)) is None
