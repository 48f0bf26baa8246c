"""Whether two methods differ by more than chance, tested by exchanging their results."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmcd.evaluation.bootstrap import MOST_DRAWN, sum_of_draws

# Of so many units no two-sided test over them falls below 5 %: there are 2 ** units exchanges.
FEWEST_UNITS = 6


def swap_p_value(
    first: np.ndarray,
    second: np.ndarray,
    figure: Callable[[np.ndarray], np.ndarray],
    *,
    resamples: int = 9999,
    seed: int = 0,
) -> float:
    """How probable so large a difference of a figure is where two methods do not differ.

    If they were alike, it would be chance which of the two gave an image's result. So the results
    of each unit are exchanged or not, in all ways where there are few units, else at random, and
    the p-value (two-sided) is the share of those ways that make as large a difference.

    Args:
        first: one method's counts of each unit.
        second: the other's of the same units.
        figure: from the sums of counts over units to the figure.
        resamples: how many ways are tried at most.
        seed: of the drawing.

    Shape:
        counts: (G, ...); the figure is made of (..., *shape) as (...).

    Reference:
        Yeh, "More Accurate Tests for the Statistical Significance of Result Differences", 2000
        (approximate randomisation); by :func:`scipy.stats.permutation_test`.
    """
    from scipy import stats  # half a second, which only those who compare pay

    both = {'counts': np.concatenate([first, second])}
    units = np.arange(len(first))

    def difference(one: np.ndarray, other: np.ndarray, axis: int = -1) -> np.ndarray:
        sums = (sum_of_draws(both, drawn)['counts'] for drawn in (one, other))
        before, after = map(figure, sums)
        return np.asarray(after - before)

    result = stats.permutation_test(
        (units, units + len(units)),
        difference,
        permutation_type='samples',
        vectorized=True,
        axis=-1,
        n_resamples=resamples,
        batch=max(1, MOST_DRAWN // max(2 * len(units), first[0].size)),
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
