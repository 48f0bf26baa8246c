"""Confidence intervals of figures that are made from sums of counts over images.

What is resampled is images, or the larger images that they were cut from: pixels of one image, and
crops of one tile, resemble each other, and intervals over them would be far too narrow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

Figures = Mapping[str, Any]
# From sums of counts, each (..., *shape) of floats, to figures, each (...).
Statistic = Callable[[dict[str, np.ndarray]], Figures]
MOST_DRAWN = 4_000_000  # numbers drawn, or summed, at a time


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made.

    Args:
        level: share of repetitions in which an interval should hold the true figure.
        resamples: how often as many images are drawn with replacement.
        seed: of the drawing.

    Reference:
        Efron, "Better Bootstrap Confidence Intervals", 1987 (BCa).
    """

    level: float = 0.95
    resamples: int = 9999
    seed: int = 0

    def intervals(
        self, counts: Mapping[str, np.ndarray], statistic: Statistic
    ) -> dict[str, tuple[float, float]]:
        """BCa intervals of figures that are made from sums of counts.

        Where a figure is the same in all resamples, as all of a model that never finds a change,
        BCa is not defined, and the interval is that one value.

        Args:
            counts: of each unit that is drawn, by name.
            statistic: from the sums over units to figures.

        Shape:
            counts: each (G, ...), of two units or more.

        Raises:
            ValueError: there are fewer than two units.
        """
        from scipy import stats  # half a second, which only those who ask for intervals pay

        number = len(next(iter(counts.values())))
        if number < 2:
            raise ValueError(f'An interval needs two images or more, but there are {number}.')
        keys: list[str] = []

        def of_draws(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
            figures = statistic(sum_of_draws(counts, drawn))
            keys[:] = figures
            return np.stack([np.broadcast_to(v, drawn.shape[:-1]) for v in figures.values()])

        with warnings.catch_warnings():
            # Degenerate distributions, and divisions by zero on the way to noticing them.
            warnings.simplefilter('ignore')
            result = stats.bootstrap(
                (np.arange(number),),
                of_draws,
                n_resamples=self.resamples,
                batch=max(1, MOST_DRAWN // max(number, sum(v[0].size for v in counts.values()))),
                vectorized=True,
                axis=-1,
                confidence_level=self.level,
                method='BCa',
                rng=np.random.default_rng(self.seed),
            )
        # Where BCa is not defined.
        plain = np.quantile(
            result.bootstrap_distribution, [(1 - self.level) / 2, (1 + self.level) / 2], axis=-1
        )
        ends = np.stack(result.confidence_interval)
        low, high = np.where(np.isnan(ends), plain, ends)
        return {key: (float(low[row]), float(high[row])) for row, key in enumerate(keys)}

    def describe(self) -> dict[str, Any]:
        """In plain values."""
        return dict(asdict(self), method='BCa')


def sum_of_draws(counts: Mapping[str, np.ndarray], drawn: np.ndarray) -> dict[str, np.ndarray]:
    """Sums of counts over drawn units.

    Args:
        counts: of each unit, by name.
        drawn: numbers of the units, some of them several times.

    Shape:
        counts: each (G, ...); drawn: (..., n); sums: each (..., ...) of float64.
    """
    number = len(next(iter(counts.values())))
    rows = drawn.reshape(-1, drawn.shape[-1])
    places = rows + number * np.arange(len(rows))[:, None]
    times = np.bincount(places.ravel(), minlength=len(rows) * number).reshape(len(rows), number)
    sums = {}
    for key, values in counts.items():
        total = times.astype(np.float64) @ values.reshape(number, -1).astype(np.float64)
        sums[key] = total.reshape(drawn.shape[:-1] + values.shape[1:])
    return sums


def sum_dtype(counts: np.ndarray) -> np.dtype:
    """The type in which many images' counts are summed: no integer of 32 bit."""
    return np.dtype(np.int64) if counts.dtype.kind in 'iu' else counts.dtype


def sum_by(
    counts: Sequence[Mapping[str, np.ndarray]], groups: Sequence[str]
) -> dict[str, np.ndarray]:
    """Counts summed over the images of each group, in the order in which the groups first occur.

    Shape:
        each (...), to (G, ...).
    """
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    sums: dict[str, np.ndarray] = {}
    for each, group in zip(counts, groups, strict=True):
        for key, values in each.items():
            if key not in sums:
                sums[key] = np.zeros((len(numbers), *values.shape), sum_dtype(values))
            sums[key][numbers[group]] += values
    return sums
