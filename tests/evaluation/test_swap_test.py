from __future__ import annotations

import itertools

import numpy as np
import pytest

from mmcd.evaluation.swap_test import swap_p_value


def ratio(sums: np.ndarray) -> np.ndarray:
    """Of counts (..., 2), such as of hits and pixels."""
    return sums[..., 0] / sums[..., 1]


def counts(number: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, 90, number), rng.integers(90, 200, number)], axis=-1)


def by_hand(first: np.ndarray, second: np.ndarray) -> float:
    """The share of all exchanges whose difference is as far from 0, by the smaller tail."""
    differences = []
    for exchange in itertools.product([False, True], repeat=len(first)):
        which = np.array(exchange)[:, None]
        one, other = np.where(which, second, first), np.where(which, first, second)
        differences.append(ratio(other.sum(0)) - ratio(one.sum(0)))
    found = np.array(differences)
    tails = (found >= found[0] - 1e-12).mean(), (found <= found[0] + 1e-12).mean()
    return min(1, 2 * min(tails))


@pytest.mark.parametrize('number', [2, 5, 9])
def test_few_units_are_exchanged_in_every_way(number: int) -> None:
    first, second = counts(number, 0), counts(number, 1)
    assert swap_p_value(first, second, ratio) == pytest.approx(by_hand(first, second))


@pytest.mark.parametrize('number', [2, 4, 5])
def test_few_units_never_tell(number: int) -> None:
    """Though one is better on every one of them."""
    first = counts(number, 0)
    assert swap_p_value(first, first + np.array([9, 0]), ratio) == pytest.approx(
        2.0 ** (1 - number)
    )


def test_two_methods_that_do_not_differ_seldom_seem_to() -> None:
    """Of ten images, as many as OSCD tests; the p-values are uniform, or larger."""
    found = np.array(
        [
            swap_p_value(counts(10, 2 * seed), counts(10, 2 * seed + 1), ratio, resamples=1024)
            for seed in range(200)
        ]
    )
    assert (found < 0.05).mean() < 0.09 and 0.4 < found.mean() < 0.6


def test_many_units_are_drawn() -> None:
    first, second = counts(40, 0), counts(40, 1)
    found = [swap_p_value(first, second, ratio, resamples=999, seed=s) for s in (0, 0, 1)]
    assert found[0] == found[1] != found[2] and abs(found[0] - found[2]) < 0.1
    assert swap_p_value(first, first + np.array([20, 0]), ratio, resamples=999) < 0.01
