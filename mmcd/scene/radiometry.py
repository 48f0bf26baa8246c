"""How a scene's pixels become what the network sees: value ranges and no-data fill.

Both are fitted once, to samples of the scene. A stretch to 8 bit is two percentiles a band. What
the network is shown where a date has no data matters only for the neighbours, as the map has no
data there either. Black or any other constant would put an edge into one date that the other
lacks, which is what a change looks like. So a date without data borrows the other date's pixels,
brought to its own brightness and contrast: the network sees unchanged ground, and the statistics of
the tile stay natural. Where neither date has data, both get their mean colour.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcd.scene.sampling import DateSample
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageStatistics

# Values outside of these percentiles count as the percentile's.
OUTLIERS = (0.1, 99.9)


@dataclass(frozen=True)
class ValueRange:
    """Which values become 0 and 255, per band; what lies outside is clipped.

    Args:
        low: becomes 0.
        high: becomes 255.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_bytes(self, pixels: np.ndarray) -> np.ndarray:
        """Scale (C, H, W) to uint8."""
        if pixels.dtype not in (np.uint16, np.int16):
            return self._scale(pixels)
        # Looking up is several times faster than computing, and needs no floating-point copy.
        first = int(np.iinfo(pixels.dtype).min)
        values = np.arange(first, first + 2**16, dtype=np.float64)
        table = self._scale(np.broadcast_to(values, (len(self.low), 1, values.size)))
        table = np.roll(table, first, axis=2)  # the index of a negative value counts from the end
        scaled = np.empty(pixels.shape, np.uint8)
        for band, entries in enumerate(table[:, 0]):
            np.take(entries, pixels[band].view(np.uint16), out=scaled[band])
        return scaled

    def describe(self) -> str:
        """The range of each band in one line."""
        ranges = zip(self.low, self.high, strict=True)
        return ', '.join(f'{low:.6g}..{high:.6g}' for low, high in ranges)

    def _scale(self, pixels: np.ndarray) -> np.ndarray:
        scaled = np.empty(pixels.shape, np.uint8)
        for band, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            steps = (pixels[band].astype(np.float64) - low) * (255 / (high - low))
            scaled[band] = np.nan_to_num(np.clip(np.round(steps), 0, 255))
        return scaled


def fit_range(samples: np.ndarray, statistics: ImageStatistics) -> ValueRange:
    """The range that gives each band the mean and the deviation that the model was trained on.

    The 2nd and the 98th percentile, the stretch that GIS programs show such rasters with, are a far
    harder contrast than 8-bit imagery has, and cost a third of F1 (docs/scenes.md has the figures).

    Args:
        samples: values with data, (C, number).
        statistics: of the training images, in 8 bit.
    """
    if samples.shape[1] == 0:
        return ValueRange((0.0,) * len(samples), (1.0,) * len(samples))
    values = samples.astype(np.float64)
    # A few glints or dead pixels do not decide about the contrast of a scene.
    values = np.clip(values, *np.percentile(values, OUTLIERS, axis=1)[..., None])
    mean, deviation = values.mean(axis=1), values.std(axis=1)
    # A band of one value only: anything that does not divide by zero.
    deviation = np.where(deviation > 0, deviation, 1.0)
    wanted_mean, wanted_deviation = np.array(statistics.mean), np.array(statistics.deviation)
    per_step = deviation / wanted_deviation  # values in the file to one step of 8 bit
    low = mean - wanted_mean * per_step
    return ValueRange(tuple(low.tolist()), tuple((low + 255 * per_step).tolist()))


# More pixels do not make the statistics better.
MOST_SAMPLES = 200_000
# The part of the pixels that is taken for unchanged; scenes rarely change by more than the rest.
UNCHANGED_SHARE = 0.7
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
        that differ most are left out, twice. In 35 real pairs, which change little, that brings
        the fill only 1 % closer to what was there; where much has changed, it matters.
        """
        step = before.shape[1] // MOST_SAMPLES + 1
        before, after = before[:, ::step].astype(float), after[:, ::step].astype(float)
        fill = cls(DateStatistics.of(before), DateStatistics.of(after))
        for _ in range(2):
            if before.shape[1] == 0:
                break
            matched = _match(before.T, fill.after, fill.before).T
            difference = np.abs(after - matched).sum(axis=0)
            same = difference <= np.quantile(difference, UNCHANGED_SHARE)
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


AS_READ = 'as read'


@dataclass(frozen=True)
class Radiometry:
    """How the pixels of a pair become what the network sees.

    Args:
        before: its value range; None where its values stay as they are.
        after: its value range.
        fill: for pixels without data.
    """

    before: ValueRange | None
    after: ValueRange | None
    fill: NoDataFill

    @classmethod
    def of(
        cls,
        before: DateSample,
        after: DateSample,
        settings: SceneSettings,
        statistics: ImageStatistics | None = None,
    ) -> Radiometry:
        """From samples of the same windows.

        Args:
            before: of the first date.
            after: of the second date.
            settings: of the scene.
            statistics: of the images that the model was trained on; None: those of 8-bit aerial
                imagery.
        """
        known = statistics or ImageStatistics.typical(len(before.values))
        ranges = _fit_ranges([before, after], settings, known)
        both = before.valid & after.valid
        values = (
            to_bytes(sample.values[:, both, None], limits)[..., 0]
            for sample, limits in zip((before, after), ranges, strict=True)
        )
        return cls(ranges[0], ranges[1], NoDataFill.of(*values))

    def describe(self) -> str:
        """The value ranges in one line."""
        if self.before == self.after:
            return AS_READ if self.before is None else f'both: {self.before.describe()}'
        parts = (('before', self.before), ('after', self.after))
        return '; '.join(f'{n}: {r.describe() if r else AS_READ}' for n, r in parts)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, which JSON gives back exactly."""
        return {
            date: dict(
                range=None if values is None else [list(values.low), list(values.high)],
                mean=statistics.mean.tolist(),
                deviation=statistics.deviation.tolist(),
            )
            for date, values, statistics in (
                ('before', self.before, self.fill.before),
                ('after', self.after, self.fill.after),
            )
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Radiometry:
        """Take :meth:`to_dict` back."""
        ranges, statistics = [], []
        for date in (plain['before'], plain['after']):
            limits = date['range']
            ranges.append(None if limits is None else ValueRange(*map(tuple, limits)))
            statistics.append(DateStatistics(np.array(date['mean']), np.array(date['deviation'])))
        return cls(ranges[0], ranges[1], NoDataFill(*statistics))


def to_bytes(pixels: np.ndarray, values: ValueRange | None) -> np.ndarray:
    """(C, H, W) as uint8, or as they are where there is no range."""
    return pixels if values is None else values.to_bytes(pixels)


def _fit_ranges(
    samples: list[DateSample], settings: SceneSettings, statistics: ImageStatistics
) -> list[ValueRange | None]:
    if settings.scaling is None:
        return [None, None]
    wide = [sample for sample in samples if sample.values.dtype != np.uint8]
    ranges: list[ValueRange | None] = []
    for sample in samples:
        if sample.values.dtype == np.uint8:
            ranges.append(None)
        elif settings.value_range is not None:
            bands = len(sample.values)
            low, high = settings.value_range
            ranges.append(ValueRange((low,) * bands, (high,) * bands))
        else:
            dates = [sample] if settings.scaling == 'per-date' else wide
            data = [date.values[:, date.valid] for date in dates]
            ranges.append(fit_range(np.concatenate(data, axis=1), statistics))
    return ranges
