"""Sunlight: cast shadows by marching the height map, and shading by slope."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from mmcd.synthetic.geometry import OVERSAMPLING
from mmcd.synthetic.surface import Surface

# Colours of the two lights relative to their sum: shadows, which the sky alone lights, are bluish.
SUNLIGHT = (1.03, 1.0, 0.95)
SKYLIGHT = (0.88, 1.0, 1.16)


@dataclass(frozen=True)
class Sun:
    """Where the sun stands, in radians (azimuth from north), and the sky's share of light."""

    azimuth: float
    elevation: float
    sky: float

    @property
    def direction(self) -> tuple[float, float, float]:
        """Unit vector to the sun: x right, y down, z up."""
        flat = np.cos(self.elevation)
        x, y = flat * np.sin(self.azimuth), -flat * np.cos(self.azimuth)
        return float(x), float(y), float(np.sin(self.elevation))


def random_sun(rng: np.random.Generator) -> Sun:
    """Draw a sun as a late-morning flight over the northern mid-latitudes meets it."""
    azimuth = np.deg2rad(rng.uniform(115, 245))
    elevation = np.deg2rad(rng.uniform(33, 64))
    return Sun(float(azimuth), float(elevation), float(rng.uniform(0.1, 0.26)))


def shift(array: np.ndarray, right: float, down: float) -> np.ndarray:
    """Move an image by a fraction of a pixel; its edges repeat."""
    matrix = np.array([[1, 0, right], [0, 1, down]], dtype=np.float64)
    return cv2.warpAffine(
        array, matrix, array.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def cast_shadows(height: np.ndarray, sun: Sun) -> np.ndarray:
    """How deep each pixel lies in shadow, 0 (lit) .. 1.

    The upper edge of the shadow volume is the maximum of the height map moved away from the sun and
    lowered in proportion. Doubling the move each time takes a logarithm of the steps.

    Shape:
        height: (H, W) in scene pixels.
        Output: (H, W) float32.
    """
    x, y, z = sun.direction
    flat = float(np.hypot(x, y))
    drop = z / flat / OVERSAMPLING
    ceiling, step = height, 1.0
    reach = float(height.max()) / drop
    while step < reach:
        moved = shift(ceiling, -x / flat * step, -y / flat * step)
        moved -= drop * step
        ceiling = np.maximum(ceiling, moved)
        step *= 2
    return np.clip((ceiling - height - 0.25) / 0.6, 0, 1)


def shade(surface: Surface, sun: Sun) -> tuple[np.ndarray, np.ndarray]:
    """Sunlight and skylight that fall on each pixel; level open ground gets 1 in all.

    Shape:
        Output: twice (H, W) float32.
    """
    x, y, z = sun.direction
    facing = z - surface.slope_x * x - surface.slope_y * y
    norm = np.sqrt(1 + surface.slope_x**2 + surface.slope_y**2)
    direct = np.maximum(facing / norm, 0) * ((1 - sun.sky) / z)
    direct *= 1 - cast_shadows(surface.height, sun)
    # The sky is partly hidden at the foot of walls and between crowns.
    small = cv2.resize(surface.height, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    around = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3), surface.height.shape[::-1])
    hidden = np.clip((around - surface.height) * 0.05, 0, 0.4)
    return direct, sun.sky * (1 - hidden)
