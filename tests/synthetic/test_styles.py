"""What the pairs of every style have in common."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmcd.errors import ConfigError
from mmcd.synthetic import STYLES, ScenePair, find_style

SIZE = 96
Make = Callable[[int], ScenePair]


@pytest.fixture(scope='module', params=STYLES)
def make(request: pytest.FixtureRequest) -> Make:
    """Makes a pair of a style by its number."""
    style = find_style(request.param)
    return lambda number: style(np.random.SeedSequence(3, spawn_key=(number,)), SIZE)


@pytest.fixture(scope='module')
def pairs(make: Make) -> list[ScenePair]:
    return [make(number) for number in range(16)]


def test_a_pair_is_two_colour_images_and_labels(pairs: list[ScenePair]) -> None:
    for made in pairs:
        assert made.before.shape == made.after.shape == (SIZE, SIZE, 3)
        assert made.before.dtype == made.after.dtype == made.label.dtype == np.uint8
        changed = made.buildings[..., 0] != made.buildings[..., 1]
        np.testing.assert_array_equal(made.label, np.where(changed, 255, 0))


def test_the_same_seed_makes_the_same_pair(make: Make, pairs: list[ScenePair]) -> None:
    again = make(3)
    np.testing.assert_array_equal(again.before, pairs[3].before)
    np.testing.assert_array_equal(again.after, pairs[3].after)
    np.testing.assert_array_equal(again.label, pairs[3].label)


def test_the_global_generator_is_left_alone(make: Make) -> None:
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    make(0)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_some_pairs_change_and_some_do_not(pairs: list[ScenePair]) -> None:
    changed = [made.label.any() for made in pairs]
    assert any(changed)
    assert not all(changed)


def test_an_unknown_style_is_refused() -> None:
    with pytest.raises(ConfigError, match='expected a style out of sample, estates'):
        find_style('cities')
