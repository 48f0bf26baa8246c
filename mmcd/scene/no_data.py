"""What the network is shown where a date has no data.

The map has no data there either, so what matters is that nothing shows in the neighbours. Black or
any other constant would put an edge into one date that the other has not, which is what a change
looks like. So a date without data borrows the other date's pixels, brought to its own brightness
and contrast: the network sees an unchanged ground, and the statistics of the tile stay natural.
Where neither date has data, both get their mean colour.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# More pixels do not make the statistics better.
MOST_SAMPLES = 200_000
# The part of the pixels that is taken for unchanged; scenes rarely change by more than the rest.
UNCHANGED = 0.7
# Of the mean: a standard deviation below it is rounding.
LEAST = 1e-6


@dataclass(frozen=True)
class DateStatistics:
    """Brightness and contrast of a date, per band, where both dates have data.

    Args:
        mean: (C,).
        deviation: the standard deviation, (C,).
    """

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, samples: np.ndarray) -> DateStatistics:
        """From values of one type, (C, number)."""
        if samples.shape[1] == 0:
            return cls(np.full(len(samples), 127.0), np.ones(len(samples)))
        mean, deviation = samples.mean(axis=1), samples.std(axis=1)
        # A band of one value has no contrast that another could be brought to.
        return cls(mean, np.where(deviation > LEAST * np.abs(mean), deviation, 1.0))


@dataclass(frozen=True)
class NoDataFill:
    """Fills a strip of both dates.

    Args:
        before: of the before image.
        after: of the after image.
    """

    before: DateStatistics
    after: DateStatistics

    @classmethod
    def of(cls, before: np.ndarray, after: np.ndarray) -> NoDataFill:
        """From values of the same pixels in both dates, (C, number).

        What has changed must not count: of pixels brought to one brightness and contrast, those
        that differ most are left out, twice.
        """
        step = before.shape[1] // MOST_SAMPLES + 1
        before, after = before[:, ::step].astype(float), after[:, ::step].astype(float)
        fill = cls(DateStatistics.of(before), DateStatistics.of(after))
        for _ in range(2):
            if before.shape[1] == 0:
                break
            matched = _match(before.T, fill.after, fill.before).T
            difference = np.abs(after - matched).sum(axis=0)
            same = difference <= np.quantile(difference, UNCHANGED)
            fill = cls(DateStatistics.of(before[:, same]), DateStatistics.of(after[:, same]))
        return fill

    def fill(self, pair: np.ndarray, valid_before: np.ndarray, valid_after: np.ndarray) -> None:
        """Fill pixels without data in place.

        Shape:
            pair: (2C, H, W) of any type, before in the first C bands; valid: (H, W) bool.
        """
        if valid_before.all() and valid_after.all():
            return
        bands = len(pair) // 2
        before, after = pair[:bands], pair[bands:]
        _borrow(before, after, valid_after & ~valid_before, self.before, self.after)
        _borrow(after, before, valid_before & ~valid_after, self.after, self.before)
        neither = ~(valid_before | valid_after)
        before[:, neither] = _as_type(self.before.mean, pair.dtype)[:, None]
        after[:, neither] = _as_type(self.after.mean, pair.dtype)[:, None]


def _match(values: np.ndarray, own: DateStatistics, other: DateStatistics) -> np.ndarray:
    """Values (..., C) of the other date in the own brightness and contrast."""
    return (values - other.mean) * (own.deviation / other.deviation) + own.mean


def _borrow(
    into: np.ndarray,
    source: np.ndarray,
    where: np.ndarray,
    own: DateStatistics,
    other: DateStatistics,
) -> None:
    """Take pixels of the other date, in the brightness and contrast of the own one."""
    if not where.any():
        return
    matched = _match(source[:, where].T.astype(float), own, other)  # (pixels, C)
    into[:, where] = _as_type(matched, into.dtype).T


def _as_type(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == 'f':
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(values), limits.min, limits.max).astype(dtype)
