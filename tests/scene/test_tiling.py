from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcd.scene.tiling import ALIGNMENT, RowMerger, TileAxis, tile_axis


@st.composite
def axes(draw: st.DrawFn) -> TileAxis:
    tile = draw(st.integers(1, 96))
    return tile_axis(draw(st.integers(1, 700)), tile, draw(st.integers(0, tile - 1)))


@settings(deadline=None)
@given(axes())
def test_the_weights_of_every_pixel_sum_to_one(axis: TileAxis) -> None:
    total = np.zeros(axis.size)
    for index in range(len(axis)):
        start, stop = axis.extent(index)
        total[start:stop] += axis.weights(index)
    np.testing.assert_allclose(total, 1, atol=1e-6)


@settings(deadline=None)
@given(axes())
def test_every_pixel_is_finished_once_in_order(axis: TileAxis) -> None:
    ends = [axis.finished(index) for index in range(len(axis))]
    assert ends[0][0] == 0 and ends[-1][1] == axis.size
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))


@settings(deadline=None)
@given(axes())
def test_the_tiles_before_the_first_reaching_do_not_count(axis: TileAxis) -> None:
    for index in range(len(axis)):
        start = axis.finished(index)[0]
        first = axis.first_reaching(index)
        assert axis.extent(first)[1] > start
        assert all(axis.extent(earlier)[1] <= start for earlier in range(first))


def test_default_tiles() -> None:
    """Steps of 384 are multiples of 32; the last tile goes beyond the map by less than that."""
    axis = tile_axis(10_000, 512, 128)
    assert axis.starts[:3] == (0, 384, 768)
    assert all(start % ALIGNMENT == 0 for start in axis.starts)
    assert 10_000 <= axis.starts[-1] + axis.tile < 10_000 + ALIGNMENT


def test_a_small_map_has_one_tile_of_its_size() -> None:
    axis = tile_axis(100, 512, 128)
    assert (axis.starts, axis.tile) == ((0,), 100)
    np.testing.assert_array_equal(axis.weights(0), 1)


def test_the_border_of_a_tile_counts_nothing_but_at_the_border_of_the_map() -> None:
    axis = tile_axis(1024, 256, 64)
    inner = axis.weights(1)
    assert inner[:16].max() == 0 and inner[-16:].max() == 0
    assert inner[16] > 0 and inner[128] == 1
    assert axis.weights(0)[0] == 1 and axis.weights(len(axis) - 1)[-1] == 1


def test_the_weights_rise_smoothly() -> None:
    steps = np.diff(tile_axis(1024, 256, 64).weights(1))
    assert np.abs(steps).max() < 0.06


def test_without_overlap_the_tiles_lie_side_by_side() -> None:
    axis = tile_axis(1024, 256, 0)
    assert axis.starts == (0, 256, 512, 768)
    np.testing.assert_array_equal(axis.weights(2), 1)


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
