from __future__ import annotations

import numpy as np
import pytest

from mmcd.synthetic.geometry import OVERSAMPLING
from mmcd.synthetic.lighting import Sun, cast_shadows


@pytest.mark.parametrize(
    ('azimuth', 'towards'), [(90, (0, -1)), (180, (-1, 0)), (270, (0, 1)), (0, (1, 0))]
)
def test_a_shadow_is_as_long_as_the_sun_is_low(azimuth: float, towards: tuple[int, int]) -> None:
    """A sun 45 degrees high casts a shadow as long as the thing is high, away from itself."""
    height = np.zeros((121, 121), np.float32)
    height[56:65, 56:65] = 10
    shadow = cast_shadows(height, Sun(np.deg2rad(azimuth), np.deg2rad(45), 0.2))
    length = 10 * OVERSAMPLING
    row, column = 60 + 4 * towards[0], 60 + 4 * towards[1]
    along = [shadow[row + step * towards[0], column + step * towards[1]] for step in range(1, 40)]
    assert min(along[: length - 2]) == 1
    assert max(along[length + 2 :]) == 0
    behind = shadow[60 - 8 * towards[0], 60 - 8 * towards[1]]
    assert behind == 0


def test_level_ground_lies_in_no_shadow() -> None:
    assert not cast_shadows(np.zeros((8, 8), np.float32), Sun(1.0, 0.7, 0.2)).any()
