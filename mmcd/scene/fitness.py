"""Whether a scene looks like the training images, in words, before it is mapped."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mmcd.scene.pair_reader import OpenPair, is_far
from mmcd.scene.radiometry import Radiometry, to_bytes
from mmcd.scene.sampling import DateSample
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageSpec, ImageStatistics

DATES = ('before', 'after')
# Of a date's pixels: less black than this is water, shadow or the odd frame.
COLLAR = 0.01
# What a pixel of 1 m shows can be told from its neighbours' at 0.5 m; beyond, much is missing.
MOST_ENLARGED = 2.0
# Pixels.
FAR_SHIFT = 2.0
# In deviations, and as a ratio of deviations. Single tiles of LEVIR-CD reach 0.8 and 2.1.
FAR_MEAN, FAR_CONTRAST = 1.0, 2.5


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Args:
        topic: 'resolution', 'values', 'bands', 'collar', 'dates' or 'registration'.
        is_warning: whether the map is likely to suffer from it.
        text: in words, with what to do.
    """

    topic: str
    is_warning: bool
    text: str

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def check_fitness(
    pair: OpenPair,
    radiometry: Radiometry,
    settings: SceneSettings,
    image: ImageSpec,
    statistics: ImageStatistics | None,
) -> list[Finding]:
    """Compare a scene with the images that a model was trained on, and its dates with each other.

    Args:
        pair: the scene.
        radiometry: of its pixels.
        settings: of the scene.
        image: what the model takes.
        statistics: of the training images; None: not known.
    """
    found = [_resolution(pair, settings, image), _bands(pair, settings, image)]
    found += [_collar(s, date) for s, date in zip(pair.samples, DATES, strict=True)]
    looks = [
        _moments(sample, limits)
        for sample, limits in zip(pair.samples, (radiometry.before, radiometry.after), strict=True)
    ]
    if all(look is not None for look in looks):
        found += [_values(look, date, statistics) for look, date in zip(looks, DATES, strict=True)]
        found.append(_dates(looks, settings, image))
    found.append(_registration(pair, settings))
    return [finding for finding in found if finding is not None]


def _resolution(pair: OpenPair, settings: SceneSettings, image: ImageSpec) -> Finding | None:
    metres, trained = pair.grid.metres_per_pixel, image.metres_per_pixel
    if trained is None:
        return None
    if metres is None:
        text = f'The images have no CRS; the model was trained at {trained:g} m a pixel.'
        return Finding('resolution', False, text)
    known = f'{metres:.3g} m a pixel; the model was trained at {trained:g} m'
    if is_far(metres, trained):
        return Finding(
            'resolution',
            True,
            f'The map has {known}, so that objects look {_times(trained / metres)} as large as in '
            f'training: expect a poor map. --resample-to {trained:g} resamples both images.',
        )
    source = pair.metres_per_pixel
    if source is not None and source / metres > MOST_ENLARGED:
        return Finding(
            'resolution',
            True,
            f'The images have {source:.3g} m a pixel and are enlarged to {metres:.3g} m, at which '
            f'the model was trained: what is smaller than their pixels cannot be seen in them. '
            f'Expect a poor map, with {(source / metres) ** 2:.3g} times as many pixels.',
        )
    return Finding('resolution', False, f'The map has {known}.')


def _bands(pair: OpenPair, settings: SceneSettings, image: ImageSpec) -> Finding | None:
    if settings.bands or image.file_bands or all(r.names_bands for r in (pair.before, pair.after)):
        return None
    numbers = ' '.join(map(str, pair.before.band_numbers))
    return Finding(
        'bands',
        False,
        f'The files do not say what their bands are: bands {numbers} are taken for '
        f'{", ".join(image.bands)}. If their order is another one, state it, such as --bands '
        f'{" ".join(map(str, reversed(pair.before.band_numbers)))}.',
    )


def _collar(sample: DateSample, date: str) -> Finding | None:
    if not sample.valid.any():
        return None
    values = sample.values[:, sample.valid]
    share = float((values == 0).all(axis=0).mean())
    if share < COLLAR:
        return None
    return Finding(
        'collar',
        True,
        f'{share:.0%} of the {date} image is 0 in all bands, but counts as data. Where that is a '
        'collar without data, --no-data 0 leaves it out; now it is mapped as unchanged or changed.',
    )


@dataclass(frozen=True)
class _Look:
    mean: np.ndarray
    deviation: np.ndarray


def _moments(sample: DateSample, limits: Any) -> _Look | None:
    """Mean and deviation of each band, as the network sees them."""
    if not sample.valid.any():
        return None
    values = to_bytes(sample.values[:, sample.valid, None], limits)[..., 0].astype(np.float64)
    return _Look(values.mean(axis=1), values.std(axis=1))


def _values(look: _Look | None, date: str, statistics: ImageStatistics | None) -> Finding | None:
    if statistics is None or look is None:
        return None
    mean, deviation = np.array(statistics.mean), np.array(statistics.deviation)
    off = float(np.abs((look.mean - mean) / deviation).max())
    ratio = float(look.deviation.mean() / deviation.mean())
    if off <= FAR_MEAN and 1 / FAR_CONTRAST <= ratio <= FAR_CONTRAST:
        return None
    return Finding(
        'values',
        True,
        f'The {date} image has a mean of {_listed(look.mean)} and a deviation of '
        f'{_listed(look.deviation)} a band; the training images had {_listed(mean)} and '
        f'{_listed(deviation)}. A model knows the light and the contrast that it was trained on.',
    )


def _dates(looks: list[Any], settings: SceneSettings, image: ImageSpec) -> Finding | None:
    before, after = looks
    pooled = np.maximum((before.deviation + after.deviation) / 2, 1e-9)
    off = float(np.abs((before.mean - after.mean) / pooled).max())
    ratio = float(before.deviation.mean() / max(after.deviation.mean(), 1e-9))
    if off <= FAR_MEAN and 1 / FAR_CONTRAST <= ratio <= FAR_CONTRAST:
        return None
    cure = (
        ' --scaling per-date stretches each by itself.'
        if settings.scaling == 'shared' and settings.value_range is None
        else ' Bring them to the same processing level, if there is a choice.'
    )
    return Finding(
        'dates',
        True,
        f'The dates differ in light: means {_listed(before.mean)} and {_listed(after.mean)}, '
        f'deviations {_listed(before.deviation)} and {_listed(after.deviation)}.{cure}',
    )


def _registration(pair: OpenPair, settings: SceneSettings) -> Finding | None:
    if not pair.shifts:
        text = 'The registration of the dates is unknown: they resemble each other too little.'
        return Finding('registration', False, text)
    lengths = np.array([shift.length for shift in pair.shifts])
    down = float(np.median([shift.down for shift in pair.shifts]))
    right = float(np.median([shift.right for shift in pair.shifts]))
    said = (
        f'shifts of {lengths.min():.0f} to {lengths.max():.0f} pixels in {len(lengths)} blocks, '
        f'the median {down:+.0f} down and {right:+.0f} right'
    )
    if pair.registration is not None:
        return Finding('registration', False, f'The after image is moved to correct {said}.')
    if float(np.median(lengths)) <= FAR_SHIFT:
        return Finding('registration', False, f'The dates are well registered: {said}.')
    return Finding(
        'registration',
        True,
        f'The after image is shifted against the before image: {said}. Edges of what is there at '
        'both dates will show as changes. --register corrects the shift.',
    )


def _times(factor: float) -> str:
    return f'{factor:.2g} times'


def _listed(values: np.ndarray) -> str:
    return '/'.join(f'{value:.0f}' for value in values)
