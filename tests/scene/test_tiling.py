from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcd.scene.tiling import ALIGNMENT, TileAxis, tile_axis


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
