"""Mean and standard deviation of many images' bands.

What scikit-learn's StandardScaler.partial_fit does; it is not in the stack that users install.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

MOST_BANDS = 4  # that OpenCV takes


@dataclass(frozen=True)
class Moments:
    """Sums over pixels, per band, that add up; NaN and infinite values do not count.

    Args:
        pixels: how many of each band.
        total: sum of their values.
        squares: sum of their values' squares.
    """

    pixels: np.ndarray
    total: np.ndarray
    squares: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Moments:
        """Those of one image, (H, W, C)."""
        if image.shape[2] <= MOST_BANDS and image.dtype in (np.uint8, np.uint16):
            mean, deviation = (m.ravel() for m in cv2.meanStdDev(np.ascontiguousarray(image)))
            pixels = np.full(image.shape[2], image.shape[0] * image.shape[1])
            return cls(pixels, mean * pixels, (deviation**2 + mean**2) * pixels)
        counted = np.isfinite(image)
        total = image.sum(axis=(0, 1), dtype=np.float64, where=counted)
        squares = np.square(image, dtype=np.float64).sum(axis=(0, 1), where=counted)
        return cls(counted.sum(axis=(0, 1)), total, squares)

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.pixels + other.pixels, self.total + other.total, self.squares + other.squares
        )

    @property
    def mean(self) -> np.ndarray:
        """Mean of each band."""
        return self.total / np.maximum(self.pixels, 1)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of each band."""
        return np.sqrt(np.maximum(self.squares / np.maximum(self.pixels, 1) - self.mean**2, 0))
