"""Mean and standard deviation of many images' bands."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MOST_BANDS = 4  # that OpenCV takes


@dataclass(frozen=True)
class Moments:
    """Sums over pixels, per band, that add up.

    Args:
        pixels: how many.
        total: sum of their values.
        squares: sum of their values' squares.
    """

    pixels: int
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Moments:
        """Those of one image, (H, W, C)."""
        pixels = image.shape[0] * image.shape[1]
        if image.shape[2] <= MOST_BANDS and image.dtype in (np.uint8, np.uint16):
            mean, deviation = (m.ravel() for m in cv2.meanStdDev(np.ascontiguousarray(image)))
        else:
            mean = image.mean(axis=(0, 1), dtype=np.float64)
            deviation = image.std(axis=(0, 1), dtype=np.float64)
        return cls(pixels, mean * pixels, (deviation**2 + mean**2) * pixels)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.pixels + other.pixels, self.total + other.total, self.squares + other.squares
        )

    @property
    def mean(self) -> np.ndarray:
        """Mean of each band."""
        return self.total / self.pixels

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of each band."""
        return np.sqrt(np.maximum(self.squares / self.pixels - self.mean**2, 0))
