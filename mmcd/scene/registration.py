"""How far the two dates of a scene lie apart, and a smooth shift that brings them together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mmcd.data_tools.audit.registration import CLEAR, estimate_shift
from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.raster_reader import RasterReader
from mmcd.scene.sampling import confirm_unreadable

BLOCK = 256
BLOCKS_PER_AXIS = 5
# Of a block, so that a collar or clouds do not pass for edges.
LEAST_DATA = 0.9
# Blocks that an affine map is fitted to at least; of fewer, the median shift is taken.
LEAST_BLOCKS = 6
# Pixels: blocks further from the fit are outliers, such as those on parallax or on a new estate.
OUTLIER = 2.0


@dataclass(frozen=True)
class BlockShift:
    """Where the after image lies against the before image in one block.

    Args:
        row: of the block's middle in the map.
        column: of the block's middle.
        down: pixels.
        right: pixels.
    """

    row: float
    column: float
    down: float
    right: float

    @property
    def length(self) -> float:
        """In pixels."""
        return float(np.hypot(self.down, self.right))


def block_shifts(
    before: RasterReader, after: RasterReader, height: int, width: int
) -> tuple[BlockShift, ...]:
    """The shifts of blocks spread over a scene, of those in which they are clear.

    Args:
        before: the first date, on the grid of the map.
        after: the second date.
        height: of the map.
        width: of the map.
    """
    size = min(BLOCK, height, width)
    found = []
    for row in _starts(height, size):
        for column in _starts(width, size):
            shift = _shift_of(before, after, row, column, size)
            if shift is not None:
                found.append(BlockShift(row + size / 2, column + size / 2, *shift))
    return tuple(found)


def _starts(length: int, size: int) -> list[int]:
    number = min(BLOCKS_PER_AXIS, max(1, length // size))
    return np.linspace(0, length - size, number).round().astype(int).tolist()


def _shift_of(
    before: RasterReader, after: RasterReader, row: int, column: int, size: int
) -> tuple[int, int] | None:
    grey = []
    for reader in (before, after):
        try:
            pixels, valid = reader.read(row, size, column, size)
        except SceneStoppedError:  # said where the sample is taken
            confirm_unreadable(reader, (row, column, size, size))
            return None
        if valid.mean() < LEAST_DATA:
            return None
        grey.append(np.where(valid, pixels.mean(axis=0, dtype=np.float32), 0).astype(np.float32))
    shift = estimate_shift(*grey)
    return (shift.down, shift.right) if shift and shift.clarity >= CLEAR else None


def fit_registration(shifts: tuple[BlockShift, ...], height: int, width: int) -> tuple[float, ...]:
    """An affine map from columns and rows of the map to those where the after image shows them.

    Args:
        shifts: of blocks.
        height: of the map.
        width: of the map.

    Returns:
        The six numbers of an ``Affine``.

    Raises:
        SceneError: no block has a clear shift.
    """
    if not shifts:
        raise SceneError(
            'The shift between the images cannot be estimated: they do not resemble each other '
            'enough in any block. Leave --register (register=True) out.'
        )
    places = np.array([[s.column, s.row, 1.0] for s in shifts])
    moves = np.array([[s.right, s.down] for s in shifts])  # (blocks, 2)
    middle = np.median(moves, axis=0)
    near = np.hypot(*(moves - middle).T) <= 3 * OUTLIER
    spread = places[near, :2].max(axis=0) - places[near, :2].min(axis=0) if near.any() else (0, 0)
    if near.sum() < LEAST_BLOCKS or min(spread) < min(height, width) / 4:
        return (1.0, 0.0, float(middle[0]), 0.0, 1.0, float(middle[1]))
    for _ in range(3):
        fit, *_ = np.linalg.lstsq(places[near], moves[near], rcond=None)  # (3, 2)
        again = np.hypot(*(moves - places @ fit).T) <= OUTLIER
        if again.sum() < LEAST_BLOCKS:
            break
        near = again
    (a, d), (b, e), (c, f) = fit.tolist()
    return (1 + a, b, c, d, 1 + e, f)
