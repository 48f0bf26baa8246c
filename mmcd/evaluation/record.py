"""A result as one record of plain values: figures, intervals, every image, and the protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mmcd.errors import ResultError
from mmcd.evaluation.bootstrap import Bootstrap, sum_by, sum_dtype
from mmcd.evaluation.confusion import change_counts, change_ratios, class_ratios
from mmcd.evaluation.detail import SIZE_EDGES, Detail, detail_curves, detail_figures
from mmcd.evaluation.image_result import (
    ImageResult,
    hash_file_list,
    hash_labels,
    source_namer,
    with_unique_names,
)
from mmcd.io.atomic import write_whole
from mmcd.structures import ChangeClasses

# What a record holds of each image; histograms of its probabilities would make it a hundred times
# as large.
LISTED = ('confusion', 'objects', 'object_sizes', 'boundaries', 'exchange')
SCHEMA = 1  # goes up where a reader of earlier records would misread one


def figures_of(sums: Mapping[str, np.ndarray], classes: ChangeClasses) -> dict[str, Any]:
    """All figures that sums of counts allow, in percent where they are ratios.

    Args:
        sums: by name, see :class:`ImageResult`.
        classes: of the counts.

    Shape:
        sums of the whole split give floats; with leading axes, of floats, arrays of these axes.
    """
    confusion = sums['confusion']
    figures = change_ratios(change_counts(confusion))
    if not classes.is_binary:
        figures |= class_ratios(confusion, classes.names)
    return figures | detail_figures(sums, classes)


def total_of(images: Sequence[ImageResult], classes: ChangeClasses) -> dict[str, np.ndarray]:
    """Counts of all images together; without any image, of no pixel."""
    totals = dict(confusion=np.zeros((len(classes), len(classes)), np.int64))
    for image in images:
        for key, values in image.counts.items():
            totals[key] = totals.get(key, 0) + values.astype(sum_dtype(values))
    return totals


def make_record(
    images: Sequence[ImageResult],
    classes: ChangeClasses,
    protocol: Mapping[str, Any],
    *,
    detail: Detail | None = None,
    bootstrap: Bootstrap | None = None,
    source_pattern: str | None = None,
) -> dict[str, Any]:
    """One record of a scored split; docs/evaluation.md says what each key means.

    Args:
        images: one or more; their order does not matter.
        classes: of the counts.
        protocol: what tells this result from others, in plain values.
        detail: how objects and boundaries were counted, where they were.
        bootstrap: how intervals are made; None: the default.
        source_pattern: see :func:`mmcd.evaluation.image_result.source_namer`.

    Raises:
        ConfigError: ``source_pattern`` can't be used.
    """
    images = sorted(with_unique_names(images), key=lambda image: image.name)
    name_source = source_namer(source_pattern)
    sources = [name_source(image.name) for image in images]
    totals = total_of(images, classes)
    metres = protocol.get('metres_per_pixel')
    intervals, how = make_intervals(images, sources, classes, bootstrap or Bootstrap())
    return dict(
        schema=SCHEMA,
        metrics=figures_of(totals, classes),
        intervals=intervals,
        bootstrap=how,
        images=[
            _describe_image(image, source, classes)
            for image, source in zip(images, sources, strict=True)
        ],
        curves=detail_curves(
            totals,
            classes,
            size_edges=detail.object_size_edges if detail else SIZE_EDGES,
            metres_per_pixel=metres,
        ),
        protocol=dict(
            protocol,
            detail=detail.describe(metres) if detail else None,
            images=len(images),
            file_list_sha256=hash_file_list(images),
            labels_sha256=hash_labels(images),
            classes=list(classes.names),
            palette=[list(colour) for colour in classes.palette],
        ),
    )


def make_intervals(
    images: Sequence[ImageResult],
    sources: Sequence[str],
    classes: ChangeClasses,
    bootstrap: Bootstrap,
) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Intervals of all figures, over the images' sources; and how they were made."""
    units = len(set(sources))
    how = dict(
        bootstrap.describe(),
        unit='image' if units == len(images) else 'source image',
        units=units,
    )
    if units < 2:
        came = 'There is one image' if len(images) == 1 else 'All images were cut from one'
        return {}, dict(how, missing=f'{came}: intervals need two or more.')
    counts = sum_by([image.counts for image in images], sources)
    found = bootstrap.intervals(counts, lambda sums: figures_of(sums, classes))
    return {key: list(ends) for key, ends in found.items()}, how


def _describe_image(image: ImageResult, source: str, classes: ChangeClasses) -> dict[str, Any]:
    counts = change_counts(image.confusion)
    return dict(
        name=image.name,
        source=source,
        before=image.before,
        after=image.after,
        label=image.label,
        **({'prediction': image.prediction} if image.prediction else {}),
        label_sha256=image.label_sha256,
        counts=counts._asdict(),
        **{key: image.counts[key].tolist() for key in LISTED if key in image.counts},
        **figures_of(image.counts, classes),
    )


def write_record(path: str | Path, record: Mapping[str, Any]) -> None:
    """Write a record as JSON; it appears under its name only when it is complete.

    Raises:
        ValueError: it holds a number that is not finite, which JSON does not have.
    """
    write_whole(Path(path), json.dumps(record, indent=1, allow_nan=False) + '\n')


def read_record(path: str | Path) -> dict[str, Any]:
    """Read a record that :func:`write_record` wrote.

    Raises:
        ResultError: there is no such file, it is no result, or of a newer schema.
    """
    path = Path(path)
    if not path.is_file():
        raise ResultError(
            f'No such result: {path} (from {Path.cwd()}). test.py --result makes one.'
        )
    try:
        record = json.loads(path.read_text(encoding='utf-8'))
        schema = record['schema']
        missing = {'metrics', 'intervals', 'images', 'protocol'} - record.keys()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            f'{path} is no result of mmcd ({type(error).__name__}: {error}). '
            'tools/test.py CONFIG CHECKPOINT --result FILE.json makes one.'
        ) from error
    if not isinstance(schema, int) or schema > SCHEMA or missing:
        raise ResultError(
            f'{path} is a result of schema {schema}, of which this mmcd reads up to {SCHEMA}'
            + (f'; it lacks {", ".join(sorted(missing))}' if missing else '')
            + '. Update mmcd, or make the result again.'
        )
    return record
