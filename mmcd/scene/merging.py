"""Merging tiles row by row, in memory that grows with the width of the map."""

from __future__ import annotations

import numpy as np

from mmcd.scene.tiling import TileAxis


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
        """Move on to a row of tiles; what lies above it is given up."""
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
