"""Overlapping tiles of a scene, and merging what was predicted for them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

# Networks shrink images by up to 32: with tiles on multiples of it, their inner grids fall together
# with those of the whole image.
ALIGNMENT = 32


@dataclass(frozen=True)
class TileAxis:
    """Tiles along one axis of the map.

    Args:
        size: pixels of the map along the axis.
        tile: pixels of a tile; the last tile may reach beyond the map by less than ``ALIGNMENT``.
        starts: first pixel of each tile.
        overlap: pixels that neighbouring tiles share at least.
    """

    size: int
    tile: int
    starts: tuple[int, ...]
    overlap: int = field(default=0)

    def __len__(self) -> int:
        return len(self.starts)

    def extent(self, index: int) -> tuple[int, int]:
        """First pixel of a tile, and the one after its last within the map."""
        start = self.starts[index]
        return start, min(start + self.tile, self.size)

    def finished(self, index: int) -> tuple[int, int]:
        """The pixels that have their value once this tile is merged, and had not before."""
        last = index + 1 == len(self)
        return self.starts[index], self.size if last else self.starts[index + 1]

    def first_reaching(self, index: int) -> int:
        """The first tile that counts in ``finished(index)``."""
        start = self.starts[index]
        return next(i for i in range(len(self)) if self.extent(i)[1] > start)

    def weights(self, index: int) -> np.ndarray:
        """A tile's weights within the map; those of all tiles sum to one at every pixel."""
        start, stop = self.extent(index)
        return (self._window(index) / self._total[start:stop]).astype(np.float32)

    def _window(self, index: int) -> np.ndarray:
        """Rises as a squared sine inside the overlap.

        A quarter of the overlap at the tile's border counts nothing: there the network sees the
        border instead of what lies beyond it. Borders of the map itself have no ramp.
        """
        start, stop = self.extent(index)
        margin = self.overlap // 4
        ramp = max(self.overlap - 2 * margin, 1)
        position = np.arange(start, stop)
        window = np.ones(stop - start)
        if index > 0:
            window *= _rise((position - start - margin + 0.5) / ramp, self.overlap)
        if index + 1 < len(self):
            window *= _rise((start + self.tile - position - margin - 0.5) / ramp, self.overlap)
        return window

    @cached_property
    def _total(self) -> np.ndarray:
        total = np.zeros(self.size)
        for index in range(len(self)):
            start, stop = self.extent(index)
            total[start:stop] += self._window(index)
        return total


def tile_axis(size: int, tile: int, overlap: int) -> TileAxis:
    """Lay tiles along an axis.

    Args:
        size: pixels of the map along the axis.
        tile: pixels of a tile; where the map is smaller, the only tile is as large as the map.
        overlap: pixels that neighbours share at least, less than ``tile``.
    """
    if size <= tile:
        return TileAxis(size=size, tile=size, starts=(0,), overlap=overlap)
    step = tile - overlap
    if step >= ALIGNMENT:
        step -= step % ALIGNMENT
    alignment = math.gcd(step, ALIGNMENT)
    starts = list(range(0, size - tile, step))
    last = math.ceil((size - tile) / alignment) * alignment
    return TileAxis(size=size, tile=tile, starts=(*starts, last), overlap=tile - step)


def _rise(position: np.ndarray, overlap: int) -> np.ndarray:
    """0 before the ramp, 1 after it; without an overlap, 1 everywhere."""
    if overlap == 0:
        return np.ones_like(position)
    return np.sin(np.clip(position, 0, 1) * np.pi / 2) ** 2


class RowMerger:
    """Sums up weighted tiles; holds one row of tiles and what later rows add to.

    Rows of tiles are started in order, from any one on.

    Args:
        rows: the tiles down the map.
        columns: the tiles across it.
        kinds: how many scores a pixel has, those of each kind of change.
    """

    def __init__(self, rows: TileAxis, columns: TileAxis, kinds: int = 1) -> None:
        self._rows = rows
        self._columns = columns
        self._row: int | None = None
        self._sum = np.zeros((kinds, rows.tile, columns.size), np.float32)

    def start_row(self, row: int) -> None:
        """Move on to a row of tiles; sums above it are dropped."""
        if self._row is not None:
            moved = min(self._rows.starts[row] - self._rows.starts[self._row], self._rows.tile)
            kept = self._rows.tile - moved
            self._sum[:, :kept] = self._sum[:, moved:]
            self._sum[:, kept:] = 0
        self._row = row

    def add(self, column: int, scores: np.ndarray) -> None:
        """Add the tile of the started row in this column, (kinds, tile, tile)."""
        if self._row is None:
            raise RuntimeError('start_row comes before add.')
        start, stop = self._columns.extent(column)
        down, across = self._rows.weights(self._row), self._columns.weights(column)
        part = scores[:, : len(down), : len(across)] * down[:, None]
        part *= across
        self._sum[:, : len(down), start:stop] += part

    def finished(self) -> np.ndarray:
        """The rows that the started row of tiles has finished, (kinds, rows, W) float32."""
        if self._row is None:
            raise RuntimeError('start_row comes before finished.')
        start, stop = self._rows.finished(self._row)
        # The weights sum to one only up to rounding.
        return np.clip(self._sum[:, : stop - start], 0, 1)
