"""Reading strips of both dates as the network wants them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from mmcd.scene.preparation import Preparation, to_bytes
from mmcd.scene.raster_reader import RasterReader
from mmcd.scene.scaling import ValueRange


@dataclass(frozen=True)
class Strip:
    """Some rows of both dates, the full width of the map.

    Args:
        pair: (2C, H, W) as the network takes it, before in the first C bands; filled where there
            is no data.
        valid: (H, W) bool, where both dates have data.
    """

    pair: np.ndarray
    valid: np.ndarray


class PairReader:
    """Reads both dates at the same time.

    Args:
        before: the first date.
        after: the second date.
        preparation: of their pixels.
    """

    def __init__(self, before: RasterReader, after: RasterReader, preparation: Preparation) -> None:
        self._before = before
        self._after = after
        self._preparation = preparation
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix='read-after')

    def read(self, row: int, height: int) -> Strip:
        """Some rows of the map.

        Raises:
            SceneStoppedError: a block of a file can't be read.
        """
        later = self._pool.submit(_read, self._after, self._preparation.after, row, height)
        try:
            before, valid_before = _read(self._before, self._preparation.before, row, height)
        finally:
            later.exception()  # a file is not read from two threads at a time
        after, valid_after = later.result()
        pair = np.concatenate([before, after])  # (2C, H, W)
        self._preparation.fill.fill(pair, valid_before, valid_after)
        return Strip(pair, valid_before & valid_after)


def _read(
    reader: RasterReader, values: ValueRange | None, row: int, height: int
) -> tuple[np.ndarray, np.ndarray]:
    pixels, valid = reader.read(row, height)
    return to_bytes(pixels, values), valid
