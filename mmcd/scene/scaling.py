"""From the values of 16-bit and floating-point rasters to the 8 bit that the networks know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The stretch that GIS programs show such rasters with.
PERCENTILES = (2.0, 98.0)


@dataclass(frozen=True)
class ValueRange:
    """Which values become 0 and 255, per band; what lies outside is clipped.

    Args:
        low: becomes 0.
        high: becomes 255.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_bytes(self, pixels: np.ndarray) -> np.ndarray:
        """Scale (C, H, W) to uint8."""
        if pixels.dtype not in (np.uint16, np.int16):
            return self._scale(pixels)
        # Looking up is several times faster than computing, and needs no floating-point copy.
        first = int(np.iinfo(pixels.dtype).min)
        values = np.arange(first, first + 2**16, dtype=np.float64)
        table = self._scale(np.broadcast_to(values, (len(self.low), 1, values.size)))
        table = np.roll(table, first, axis=2)  # the index of a negative value counts from the end
        scaled = np.empty(pixels.shape, np.uint8)
        for band, entries in enumerate(table[:, 0]):
            np.take(entries, pixels[band].view(np.uint16), out=scaled[band])
        return scaled

    def describe(self) -> str:
        """The range of each band in one line."""
        ranges = zip(self.low, self.high, strict=True)
        return ', '.join(f'{low:.6g}..{high:.6g}' for low, high in ranges)

    def _scale(self, pixels: np.ndarray) -> np.ndarray:
        scaled = np.empty(pixels.shape, np.uint8)
        for band, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            steps = (pixels[band].astype(np.float64) - low) * (255 / (high - low))
            scaled[band] = np.nan_to_num(np.clip(np.round(steps), 0, 255))
        return scaled


def fit_range(samples: np.ndarray, percentiles: Sequence[float] = PERCENTILES) -> ValueRange:
    """The range between two percentiles of each band.

    Args:
        samples: values with data, (C, number).
        percentiles: the lower and the upper one.
    """
    if samples.shape[1] == 0:
        return ValueRange((0.0,) * len(samples), (1.0,) * len(samples))
    low, high = np.percentile(samples.astype(np.float64), percentiles, axis=1)
    # A band of one value only: anything that does not divide by zero.
    high = np.where(high > low, high, low + 1)
    return ValueRange(tuple(low.tolist()), tuple(high.tolist()))
