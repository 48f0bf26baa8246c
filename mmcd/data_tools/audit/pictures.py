"""Comparing reduced images, read again when two look alike."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from mmcd.data_tools.audit.fingerprint import orient
from mmcd.data_tools.audit.inspection import PairRecord, grey_levels, read_date

SIDE = 128
KEPT = 512  # reduced images in memory: 32 MB
DETAIL = 3.0  # pixels: coarser than this, empty land of different places looks alike
SAME_DETAIL = 0.7  # correlation of detail; JPEG of quality 30 leaves over 0.9
LEAST_DETAIL = 0.5  # grey levels, below which detail is noise
NEARLY = 3.0  # grey levels that two nearly equal images differ by on average


@dataclass(frozen=True)
class Image:
    """One date (0 or 1) of one pair, by its number among the records."""

    pair: int
    date: int


class ThumbnailCache:
    """Reduced images of pairs.

    Args:
        records: the pairs, whose files are read when they are needed.
    """

    def __init__(self, records: Sequence[PairRecord]) -> None:
        self._records = records
        self._read = functools.lru_cache(KEPT)(self._read_reduced)

    def same_image(self, first: Image, second: Image, orientation: int) -> bool:
        """Whether two images show the same, by their detail; equal pixels are the same anyway.

        Args:
            first: one image.
            second: another.
            orientation: that of the second one.
        """
        pictures = self._both(first, second, orientation)
        if np.array_equal(*pictures):
            return True
        details = [picture - cv2.GaussianBlur(picture, (0, 0), DETAIL) for picture in pictures]
        spreads = [float(detail.std()) for detail in details]
        if min(spreads) < LEAST_DETAIL:
            return False
        product = float((details[0] * details[1]).mean() - details[0].mean() * details[1].mean())
        return product / (spreads[0] * spreads[1]) >= SAME_DETAIL

    def nearly_equal(self, first: Image, second: Image, orientation: int) -> bool:
        """Whether two images are the same, or so empty that nothing tells them apart."""
        if self.same_image(first, second, orientation):
            return True
        one, other = self._both(first, second, orientation)
        return float(np.abs(one - other).mean()) <= NEARLY

    def _both(self, first: Image, second: Image, orientation: int) -> tuple[np.ndarray, np.ndarray]:
        other = orient(self._read(second), orientation)
        return self._read(first), np.ascontiguousarray(other)

    def _read_reduced(self, image: Image) -> np.ndarray:
        record = self._records[image.pair]
        path = (record.files.before, record.files.after)[image.date]
        grey = grey_levels(read_date(path, record.image))
        return cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
