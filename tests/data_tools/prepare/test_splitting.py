from __future__ import annotations

import math
from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcd.data_tools.prepare.splitting import (
    Place,
    Ratios,
    split_by_blocks,
    split_by_scenes,
    split_randomly,
)
from mmcd.datasets.layout import SPLITS
from mmcd.errors import ConfigError

SHARES = Ratios().among(SPLITS)


def grid(rows: int, columns: int, size: int = 8, scene: str = 'scene') -> list[Place]:
    return [
        Place(scene, r * size, c * size, (r + 1) * size, (c + 1) * size)
        for r in range(rows)
        for c in range(columns)
    ]


def test_ratios_are_kept():
    splits = split_randomly(1000, SHARES, seed=0)
    assert Counter(splits) == {'train': 700, 'val': 100, 'test': 200}


def test_the_seed_decides():
    assert split_randomly(50, SHARES, 0) == split_randomly(50, SHARES, 0)
    assert split_randomly(50, SHARES, 0) != split_randomly(50, SHARES, 1)


def test_too_few_pairs_say_what_to_do():
    with pytest.raises(ConfigError, match=r'1 pair\(s\) are too few .* --blocks'):
        split_randomly(1, SHARES, 0)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=3, max_size=40), st.integers(0, 99))
def test_scenes_stay_whole_and_no_split_is_empty(sizes, seed):
    numbers = iter(range(sum(sizes)))
    scenes = {str(n): [next(numbers) for _ in range(size)] for n, size in enumerate(sizes)}
    splits = split_by_scenes(scenes, SHARES, seed)
    assert all(len({splits[number] for number in tiles}) == 1 for tiles in scenes.values())
    assert set(splits) == {'train', 'val', 'test'}


def test_scenes_of_one_size_are_divided_by_the_shares():
    scenes = {str(n): range(4 * n, 4 * n + 4) for n in range(20)}
    assert Counter(split_by_scenes(scenes, SHARES, 3)) == {'train': 56, 'val': 8, 'test': 16}


@settings(max_examples=40, deadline=None)
@given(st.integers(6, 14), st.integers(6, 14), st.integers(3, 5), st.integers(0, 99))
def test_no_tile_touches_another_split(rows, columns, blocks, seed):
    places = grid(rows, columns)
    try:
        splits = split_by_blocks(places, blocks, SHARES, seed)
    except ConfigError:
        return  # too small for three splits, and said so
    assert set(splits) >= {'train', 'val', 'test'}
    for (first, one), (second, other) in combinations(zip(places, splits, strict=True), 2):
        if one and other and one != other:
            assert not first.touches(second)


def test_overlapping_tiles_do_not_reach_over_the_border():
    places = [
        Place('scene', top, left, top + 16, left + 16)
        for top in range(0, 200, 8)
        for left in range(0, 200, 8)
    ]
    splits = split_by_blocks(places, 4, SHARES, 0)
    kept = [(p, s) for p, s in zip(places, splits, strict=True) if s]
    assert all(not a.touches(b) for (a, s), (b, t) in combinations(kept, 2) if s != t)


def test_most_tiles_are_kept_and_shares_are_near():
    splits = split_by_blocks(grid(60, 127), 8, SHARES, 0)
    count = Counter(splits)
    assert count[None] < 0.08 * len(splits)
    assert count['train'] / len(splits) == pytest.approx(0.7, abs=0.1)


def test_scenes_do_not_touch_each_other():
    assert not grid(1, 1, scene='a')[0].touches(grid(1, 1, scene='b')[0])


def test_too_few_blocks_say_what_to_do():
    with pytest.raises(ConfigError, match='more blocks'):
        split_by_blocks(grid(4, 4), 1, SHARES, 0)


def test_shares():
    assert Ratios(7, 1, 2).among(SPLITS) == pytest.approx({'train': 0.7, 'val': 0.1, 'test': 0.2})
    assert Ratios(0.7, 0.1, 0.2).among(('train', 'val')) == pytest.approx(
        {'train': 0.875, 'val': 0.125}
    )
    for wrong in ((-1, 1, 1), (0, 0, 0), (math.inf, 0, 0), (math.nan, 0, 1), (1, 1, 1, 2**32)):
        with pytest.raises(ConfigError, match=r'finite, 0 or more.*from 0 to 4294967295'):
            Ratios(*wrong)
    with pytest.raises(ConfigError, match='No share is left for test'):
        Ratios(1, 0, 0).among(('test',))
