"""All that decides about the bytes of a scene's strips, in plain values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from mmcd.scene.grid import Grid
from mmcd.scene.pair_reader import OpenPair
from mmcd.scene.radiometry import Radiometry
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageStatistics
from mmcd.version import __version__

# Settings that come into play only once the strips are there: they may change on resuming.
LATER = (
    *('cog', 'min_area', 'simplify', 'probability_type', 'allow_remote', 'zones'),
    *('stac', 'dates'),
)
# Follows from the images and the settings; a resumed run takes what it finds in the plan.
DERIVED = ('preparation',)
IMAGES = ('before', 'after')


def make_plan(
    pair: OpenPair,
    model: dict[str, Any],
    settings: SceneSettings,
    outputs: SceneOutputs,
    statistics: ImageStatistics | None = None,
) -> dict[str, Any]:
    """The plan of a run; strips of two runs with one plan are the same.

    An image is known by its content in the sample's windows, and by checksums that each strip keeps
    of all pixels that it was made from: its name and the time of its file change when it is copied,
    or brought anew after a part of it was unreadable.

    Args:
        pair: the images.
        model: what tells the network from others.
        settings: of the scene.
        outputs: whether one of them needs the probability matters.
        statistics: of the images that the model was trained on.
    """
    before, after = pair.samples
    plan = dict(
        mmcd=__version__,
        model=model,
        grid=_describe(pair.grid),
        probability=settings.probability_type if outputs.needs_probability else None,
        **{key: value for key, value in settings.to_dict().items() if key not in LATER},
        preparation=Radiometry.of(before, after, settings, statistics).to_dict(),
        file_bands=dict(before=pair.before.band_numbers, after=pair.after.band_numbers),
        before=before.checksums,
        after=after.checksums,
        registration=pair.registration,
    )
    return json.loads(json.dumps(plan))


def differences(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """What differs between two plans, a line each."""
    lines = [
        f'{date} image: its pixels do not match' for date in IMAGES if not _same(theirs, ours, date)
    ]
    keys = sorted((theirs.keys() | ours.keys()) - {*DERIVED, *IMAGES})
    return lines + [
        line for key in keys for line in _difference(key, theirs.get(key), ours.get(key))
    ]


def _difference(name: str, one: Any, other: Any) -> Iterator[str]:
    """A line where two values differ; of dicts, one for each of their entries that does."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _difference(f'{name}.{key}', one.get(key), other.get(key))
    elif one != other:
        yield f'{name}: {one}, now {other}'


def raster_tags(plan: dict[str, Any], before: str, after: str) -> dict[str, str]:
    """Metadata of the rasters: how they came about.

    Args:
        plan: of the run.
        before: name of the first date's file.
        after: name of the second date's file.
    """
    model = [str(plan['model'][key]) for key in ('type', 'weights_sha256') if key in plan['model']]
    return dict(
        MMCD_VERSION=plan['mmcd'],
        MMCD_BEFORE=before,
        MMCD_AFTER=after,
        MMCD_MODEL=' '.join(model),
        MMCD_TILES=f'{plan["tile_size"]} px, overlap {plan["overlap"]} px',
        MMCD_THRESHOLD=str(plan['threshold']),
        MMCD_BANDS='; '.join(
            dict.fromkeys(' '.join(map(str, plan['file_bands'][date])) for date in IMAGES)
        ),
        MMCD_VALUES=Radiometry.from_dict(plan['preparation']).describe(),
    )


def _same(theirs: dict[str, Any], ours: dict[str, Any], date: str) -> bool:
    """Whether all windows that both could read are the same."""
    one, other = theirs.get(date, []), ours.get(date, [])
    return len(one) == len(other) and all(
        a == b for a, b in zip(one, other, strict=True) if None not in (a, b)
    )


def _describe(grid: Grid) -> dict[str, Any]:
    return dict(
        crs=None if grid.crs is None else grid.crs.to_string(),
        transform=list(grid.transform)[:6],
        height=grid.height,
        width=grid.width,
    )
