from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcd.scene.merging import RowMerger
from mmcd.scene.tiling import TileAxis, tile_axis


def cut(image: np.ndarray, rows: TileAxis, columns: TileAxis, row: int, column: int) -> np.ndarray:
    (top, bottom), (left, right) = rows.extent(row), columns.extent(column)
    tile = np.full((rows.tile, columns.tile), np.float32(9))
    tile[: bottom - top, : right - left] = image[top:bottom, left:right]
    return tile


def merge(image: np.ndarray, rows: TileAxis, columns: TileAxis, first: int = 0) -> list[np.ndarray]:
    merger = RowMerger(rows, columns)
    finished = []
    for row in range(first, len(rows)):
        merger.start_row(row)
        for column in range(len(columns)):
            merger.add(column, cut(image, rows, columns, row, column)[None])
        finished.append(merger.finished()[0])
    return finished


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 200), st.integers(1, 200), st.integers(8, 80), st.floats(0, 0.9), st.integers(0)
)
def test_tiles_of_an_image_merge_to_the_image(
    height: int, width: int, tile: int, overlap: float, seed: int
) -> None:
    image = np.random.default_rng(seed).random((height, width), np.float32)
    rows, columns = (tile_axis(size, tile, int(tile * overlap)) for size in (height, width))
    merged = np.concatenate(merge(image, rows, columns))
    np.testing.assert_allclose(merged, image, atol=2e-6)


@pytest.mark.parametrize('overlap', [0, 16, 40])
def test_a_run_from_the_middle_gives_the_same_bytes(overlap: int) -> None:
    image = np.random.default_rng(0).random((333, 150), np.float32)
    rows, columns = tile_axis(333, 64, overlap), tile_axis(150, 64, overlap)
    whole = merge(image, rows, columns)
    for strip in range(len(rows)):
        first = rows.first_reaching(strip)
        again = merge(image, rows, columns, first)[strip - first]
        assert again.tobytes() == whole[strip].tobytes()


def test_rows_may_be_left_out() -> None:
    """What a row of tiles far above has left does not get into a later one."""
    rows, columns = tile_axis(400, 64, 16), tile_axis(64, 64, 16)
    merger = RowMerger(rows, columns)
    merger.start_row(0)
    merger.add(0, np.ones((1, 64, 64), np.float32))
    merger.start_row(5)
    assert merger.finished().max() == 0


def test_kinds_of_change_are_merged_apart() -> None:
    rows, columns = tile_axis(100, 64, 16), tile_axis(64, 64, 16)
    merger = RowMerger(rows, columns, kinds=2)
    merger.start_row(0)
    merger.add(0, np.stack([np.full((64, 64), value, np.float32) for value in (0.25, 0.5)]))
    finished = merger.finished()
    assert finished.shape[0] == 2
    np.testing.assert_allclose(finished[:, :20].mean(axis=(1, 2)), [0.25, 0.5], atol=1e-6)
