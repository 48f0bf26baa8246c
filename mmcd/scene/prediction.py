"""Strips of a scene, one after another: read ahead, predict in batches, merge, save behind."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from mmcd.errors import ExportMemoryError, PredictionError, SceneStoppedError
from mmcd.inference.predictor import ChangePredictor
from mmcd.scene.pair_reader import PairReader, Strip
from mmcd.scene.tiling import RowMerger, TileAxis
from mmcd.structures.change_classes import UNCHANGED

logger = logging.getLogger('mmcd.scene')

DATES = ('before', 'after')
Checksums = tuple[str, str]  # of each date


class OOMSafeBatches:
    """Predicts batches; halves the batch size on out-of-memory errors, and logs it.

    Args:
        predictor: what answers.
        batch_size: number of tiles at a time.
    """

    def __init__(self, predictor: ChangePredictor, batch_size: int) -> None:
        self._predictor = predictor
        self.batch_size = batch_size

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """The scores of each kind of change for at most ``batch_size`` tiles.

        Shape:
            (N, 2C, H, W) to (N, K - 1, H, W).

        Raises:
            SceneStoppedError: not even a single tile fits.
        """
        done: list[np.ndarray] = []
        position = 0
        while position < len(tiles):
            part = tiles[position : position + self.batch_size]
            try:
                done.append(self._predictor.predict(part)[:, UNCHANGED + 1 :])
            except (torch.cuda.OutOfMemoryError, ExportMemoryError) as error:
                self._halve(part, error)
                continue
            except PredictionError as error:
                error.index += position
                raise
            position += len(part)
        return np.concatenate(done) if len(done) > 1 else done[0]

    def _halve(self, tiles: np.ndarray, error: Exception) -> None:
        if len(tiles) == 1:
            height, width = tiles.shape[2:]
            raise SceneStoppedError(
                f'The device has too little memory for a single tile of {height} x {width}: use '
                'smaller ones, such as --tile 256.'
            ) from error
        self.batch_size = (len(tiles) + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            'The device has too little memory for a batch of %d tiles: going on with %d.',
            len(tiles),
            self.batch_size,
        )


@dataclass(frozen=True)
class Tiling:
    """The rows and columns of tiles of a map; a strip is what a row of tiles finishes.

    Args:
        rows: down the map.
        columns: across it.
    """

    rows: TileAxis
    columns: TileAxis

    def rows_for(self, strips: Sequence[int]) -> list[int]:
        """The rows of tiles that these strips need, in ascending order."""
        rows = {row for s in strips for row in range(self.rows.first_reaching(s), s + 1)}
        return sorted(rows)

    def count_tiles(self, strips: Sequence[int]) -> int:
        """How many tiles are predicted for these strips."""
        return len(self.rows_for(strips)) * len(self.columns)


def predict_strips(
    reader: PairReader,
    tiling: Tiling,
    predict: OOMSafeBatches,
    strips: Sequence[int],
    save: Callable[[int, np.ndarray, np.ndarray, Checksums], None],
    advance: Callable[[int], None] = lambda tiles: None,
    kinds: int = 1,
) -> None:
    """Predict strips, in ascending order.

    Reading and saving have a thread each, one strip before and one behind the network.

    Args:
        reader: of the pair.
        tiling: of the map.
        predict: the network.
        strips: which; those that are not neighbours are predicted separately.
        save: takes a strip's number, its scores (K - 1, rows, W), where it is valid, and the
            checksums of the pixels that count in it.
        advance: is told of each number of tiles that are done.
        kinds: how many kinds of change have scores, K - 1.
    """
    wanted = set(strips)
    merger = RowMerger(tiling.rows, tiling.columns, kinds)
    seen: dict[int, Checksums] = {}
    behind: Future | None = None
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix='save') as saver:
        try:
            for row, strip in _read_ahead(reader, tiling.rows, tiling.rows_for(strips)):
                merger.start_row(row)
                seen[row] = strip.checksums
                place = tiling.rows.extent(row)
                _predict_row(strip, tiling, place, predict, merger, advance)
                if row not in wanted:
                    continue
                if behind is not None:
                    behind.result()
                scores = merger.finished()
                valid = strip.valid[: scores.shape[1]]
                sums = join_checksums(seen[each] for each in tiling.rows_for([row]))
                behind = saver.submit(save, row, scores, valid, sums)
        finally:
            # Also where a later strip fails: what is finished is kept.
            if behind is not None:
                behind.result()


def read_checksums(
    reader: PairReader, tiling: Tiling, strips: Sequence[int]
) -> Iterator[tuple[int, Checksums]]:
    """The checksums of the pixels that count in strips, read again, in ascending order.

    Raises:
        SceneStoppedError: a block of a file can't be read.
    """
    seen: dict[int, Checksums] = {}
    for row in tiling.rows_for(strips):
        start, stop = tiling.rows.extent(row)
        seen[row] = reader.checksums(start, stop - start)
        if row in strips:
            yield row, join_checksums(seen[each] for each in tiling.rows_for([row]))


def join_checksums(rows: Iterable[Checksums]) -> Checksums:
    """One checksum a date, of those of several rows of tiles."""
    before, after = (hashlib.blake2b(digest_size=16) for _ in DATES)
    for one, other in rows:
        before.update(one.encode())
        after.update(other.encode())
    return before.hexdigest(), after.hexdigest()


def _read_ahead(
    reader: PairReader, rows: TileAxis, indexes: Sequence[int]
) -> Iterator[tuple[int, Strip]]:
    def read(index: int) -> Strip:
        start, stop = rows.extent(index)
        return reader.read(start, stop - start)

    with ThreadPoolExecutor(max_workers=1, thread_name_prefix='read') as pool:
        ahead = [pool.submit(read, index) for index in indexes[:1]]
        for position, index in enumerate(indexes):
            strip = ahead.pop().result()
            ahead += [pool.submit(read, later) for later in indexes[position + 1 : position + 2]]
            yield index, strip


def _predict_row(
    strip: Strip,
    tiling: Tiling,
    rows: tuple[int, int],
    predict: OOMSafeBatches,
    merger: RowMerger,
    advance: Callable[[int], None],
) -> None:
    """Predict a row of tiles; those without any data are left out, as nothing will show them.

    Raises:
        PredictionError: naming the tile for which the network gave no scores.
    """
    columns, tile_height = tiling.columns, tiling.rows.tile
    with_data = [
        column
        for column in range(len(columns))
        if strip.valid[:, slice(*columns.extent(column))].any()
    ]
    advance(len(columns) - len(with_data))
    position = 0
    while position < len(with_data):
        batch = with_data[position : position + predict.batch_size]
        tiles = np.stack([_cut(strip.pair, columns, column, tile_height) for column in batch])
        try:
            predicted = predict(tiles)
        except PredictionError as error:
            left, right = columns.extent(batch[error.index])
            top, bottom = rows
            raise error.at(f'tile of rows {top} to {bottom}, columns {left} to {right}') from error
        for column, scores in zip(batch, predicted, strict=True):
            merger.add(column, scores)
        advance(len(batch))
        position += len(batch)


def _cut(pair: np.ndarray, columns: TileAxis, column: int, tile_height: int) -> np.ndarray:
    """A tile (2C, tile, tile); beyond the map it goes on with the map's edge."""
    start, stop = columns.extent(column)
    tile = pair[:, :, start:stop]
    below, right = tile_height - tile.shape[1], columns.tile - tile.shape[2]
    if below or right:
        return np.pad(tile, ((0, 0), (0, below), (0, right)), mode='edge')
    return tile
