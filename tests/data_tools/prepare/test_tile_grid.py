from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcd.data_tools.prepare.tile_grid import TileGrid, covered, tile_name
from mmcd.errors import ConfigError
from mmcd.io.images import Window

sides = st.integers(1, 60)
few = settings(max_examples=50, deadline=None)


@pytest.mark.parametrize(
    ('edge', 'starts'), [('shift', [0, 256, 344]), ('pad', [0, 256, 512]), ('drop', [0, 256])]
)
def test_edges(edge, starts):
    assert TileGrid(256, 256, edge).starts(600) == starts


def test_an_exact_fit_has_no_edge():
    for edge in ('shift', 'pad', 'drop'):
        assert TileGrid(256, 256, edge).starts(1024) == [0, 256, 512, 768]


def test_whu_cd_has_as_many_tiles_as_papers_count():
    assert len(TileGrid(256, 256, 'pad').windows(15354, 32507)) == 7620


def test_smaller_than_a_tile():
    assert TileGrid(256, 256, 'shift').starts(100) == [0]
    assert TileGrid(256, 256, 'drop').starts(100) == []


@few
@given(sides, sides, st.integers(1, 24), st.integers(1, 24), st.sampled_from(['shift', 'pad']))
def test_every_pixel_is_in_a_tile_without_gaps(height, width, size, stride, edge):
    stride = min(size, stride)
    windows = TileGrid(size, stride, edge).windows(height, width)
    seen = np.zeros((height, width), int)
    for window in windows:
        seen[window.top : window.top + size, window.left : window.left + size] += 1
        if edge == 'shift' and min(height, width) >= size:
            assert window.within(height, width) == window
    assert seen.min() >= 1
    assert covered(windows, height, width) == height * width


@few
@given(sides, sides, st.integers(1, 24), st.integers(1, 24))
def test_dropped_rests_are_counted(height, width, size, stride):
    windows = TileGrid(size, stride, 'drop').windows(height, width)
    seen = np.zeros((height, width), bool)
    for window in windows:
        assert window.within(height, width) == window
        seen[window.top : window.top + size, window.left : window.left + size] = True
    assert covered(windows, height, width) == seen.sum()


def test_names_say_row_and_column():
    assert tile_name('train_1', Window(256, 512, 256, 256), 1024, 1024) == 'train_1_0256_0512'
    assert tile_name('whu', Window(0, 512, 256, 256), 15354, 32507) == 'whu_00000_00512'


def test_refusals():
    with pytest.raises(ConfigError, match='1 pixel or more'):
        TileGrid(0, 1)
    with pytest.raises(ConfigError, match='shift, pad, drop'):
        TileGrid(8, 8, 'mirror')
