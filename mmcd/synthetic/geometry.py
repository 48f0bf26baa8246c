"""Where things lie: the raster of a scene, the bent frame of its streets, and rectangles.

Positions are (x, y) in scene pixels of half a metre, with (0, 0) at the top left corner of the
image; heights are in the same unit, so that slopes have none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

MARGIN = 24  # scene pixels around the image, from where shadows and crowns reach in
OVERSAMPLING = 2  # raster pixels a scene pixel: edges are averaged as a sensor does


@dataclass(frozen=True)
class Raster:
    """The oversampled raster a scene is drawn on before it is sampled to `size` pixels."""

    size: int

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in raster pixels."""
        side = (self.size + 2 * MARGIN) * OVERSAMPLING
        return side, side

    def pixels(self, points: ArrayLike) -> np.ndarray:
        """Scene positions as raster positions.

        Shape:
            points: (..., 2) as x, y.
        """
        return (np.asarray(points, dtype=np.float64) + MARGIN) * OVERSAMPLING

    def polygon(self, points: np.ndarray) -> np.ndarray:
        """A polygon as OpenCV draws it: (L, 1, 2) whole raster pixels."""
        return np.round(self.pixels(points)).astype(np.int32).reshape(-1, 1, 2)

    def sample(self, array: np.ndarray) -> np.ndarray:
        """Cut the margin off; still oversampled."""
        cut = MARGIN * OVERSAMPLING
        return array[cut:-cut, cut:-cut]


@dataclass(frozen=True)
class StreetFrame:
    """Coordinates along and across a family of parallel, gently winding streets."""

    origin: tuple[float, float]
    angle: float
    bend: float
    bend_length: float
    bend_phase: float

    def points(self, along: np.ndarray | float, across: np.ndarray | float) -> np.ndarray:
        """Scene positions, (..., 2), of street coordinates."""
        along, across = np.broadcast_arrays(np.asarray(along, float), np.asarray(across, float))
        across = across + self.bend * np.sin(along / self.bend_length + self.bend_phase)
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        x = self.origin[0] + cos * along - sin * across
        y = self.origin[1] + sin * along + cos * across
        return np.stack([x, y], axis=-1)

    def heading(self, along: float) -> float:
        """Direction of the street in radians, clockwise from the x axis as drawn."""
        slope = self.bend / self.bend_length
        turn = np.arctan(slope * np.cos(along / self.bend_length + self.bend_phase))
        return self.angle + float(turn)

    def strip(self, along: tuple[float, float], across: tuple[float, float]) -> np.ndarray:
        """Outline, (L, 2), of a patch between distances along and across; it follows the bend."""
        run = np.linspace(*along, max(2, round(abs(along[1] - along[0]) / 8) + 1))
        near, far = self.points(run, across[0]), self.points(run[::-1], across[1])
        return np.concatenate([near, far])


@dataclass(frozen=True)
class Box:
    """A rectangle on the ground: centre, half extents along its own axes, and heading."""

    x: float
    y: float
    half_length: float
    half_width: float
    heading: float

    def offset(self, along: float, across: float) -> tuple[float, float]:
        """Scene position of a point given in the box's own axes."""
        cos, sin = np.cos(self.heading), np.sin(self.heading)
        return self.x + cos * along - sin * across, self.y + sin * along + cos * across

    def inner(
        self, along: float, across: float, half_length: float, half_width: float, turn: float = 0
    ) -> Box:
        """A box placed in this one's axes."""
        x, y = self.offset(along, across)
        return Box(x, y, half_length, half_width, self.heading + turn)

    def corners(self, grow: float = 0.0) -> np.ndarray:
        """The four corners, (4, 2), of the box grown by some pixels on every side."""
        a, b = self.half_length + grow, self.half_width + grow
        return np.array([self.offset(*c) for c in ((-a, -b), (a, -b), (a, b), (-a, b))])
