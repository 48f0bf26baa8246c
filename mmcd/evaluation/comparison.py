"""Results side by side: what differs in their protocols, and whether their figures differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcd.errors import ResultError
from mmcd.evaluation.bootstrap import Bootstrap, sum_by
from mmcd.evaluation.confusion import change_counts, change_ratios
from mmcd.evaluation.metric_names import metric_name
from mmcd.evaluation.swap_test import FEWEST_UNITS, swap_p_value
from mmcd.evaluation.table import in_order

# Of a protocol, what two results must share for their figures to be comparable.
DECISIVE = (
    *('labels_sha256', 'split', 'classes', 'mode', 'window', 'stride'),
    *('threshold_origin', 'tta', 'precision', 'form', 'detail'),
)
# Of the rest, what a reader should know of where it differs.
NOTED = ('threshold', 'runtime', 'device', 'mmcd')


@dataclass(frozen=True)
class Method:
    """One method's results: one, or one for each seed of its training.

    Args:
        name: what it is called here.
        records: of :func:`mmcd.evaluation.record.read_record`.
    """

    name: str
    records: tuple[Mapping[str, Any], ...]

    def figures(self, key: str) -> np.ndarray:
        """A figure of each of its results, (S,).

        Raises:
            ResultError: a result has none of that name.
        """
        absent = [key not in record['metrics'] for record in self.records]
        if any(absent):
            raise ResultError(f'A result of {self.name} has no figure {key!r}.')
        return np.array([record['metrics'][key] for record in self.records])

    def all_figures(self) -> dict[str, list[float]]:
        """Every figure that all of its results have, of each of them."""
        first, *others = (record['metrics'] for record in self.records)
        shared = [key for key in first if all(key in metrics for metrics in others)]
        return {key: self.figures(key).tolist() for key in shared}


def figure_rows(methods: Sequence[Method], between: str) -> list[list[str]]:
    """A row a figure that all have: its name, then a text for each method.

    A text is one result with its interval, or the mean of several and their standard deviation.

    Args:
        methods: one or more.
        between: how an interval is written, with a place for each of its ends.
    """

    def text(method: Method, key: str) -> str:
        figures = method.figures(key)
        if len(figures) > 1:
            return f'{figures.mean():.2f} ± {figures.std(ddof=1):.2f}'
        interval = method.records[0]['intervals'].get(key)
        return f'{figures[0]:.2f}' + (between.format(*interval) if interval else '')

    shared = set.intersection(*(set(r['metrics']) for m in methods for r in m.records))
    return [
        [metric_name(key), *(text(method, key) for method in methods)] for key in in_order(shared)
    ]


@dataclass(frozen=True)
class Difference:
    """How far a method's figure is above another's on the same images.

    Args:
        value: the difference of the figures over the common images, means over seeds.
        low: where its interval begins.
        high: where it ends.
        p: how probable so large a difference is where there is none (two-sided), see
            :func:`mmcd.evaluation.swap_test.swap_p_value`.
        images: that both methods have.
        units: images, or source images, that were resampled.
    """

    value: float
    low: float
    high: float
    p: float
    images: int
    units: int

    @property
    def verdict(self) -> str:
        """What the p-value says of it, at 5 %."""
        p = 'p < 0.001' if self.p < 0.001 else f'p = {self.p:.3f}'
        if self.units < FEWEST_UNITS:
            return f'{p}: {self.units} images are too few to tell it from chance'
        return f'{p}: {"more than" if self.p < 0.05 else "may be"} chance in the choice of images'


def protocol_differences(methods: Sequence[Method]) -> tuple[list[str], list[str]]:
    """What makes results no fair comparison, and what is only to be known, as sentences."""
    found: tuple[list[str], list[str]] = ([], [])
    for keys, lines in zip((DECISIVE, NOTED), found, strict=True):
        for key in keys:
            values: dict[str, list[str]] = {}
            for method in methods:
                for record in method.records:
                    value = _short(record['protocol'].get(key))
                    values.setdefault(value, []).append(method.name)
            if len(values) > 1:
                each = '; '.join(
                    f'{value} ({", ".join(dict.fromkeys(names))})'
                    for value, names in values.items()
                )
                lines.append(f'{key} differs: {each}')
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 and text.isalnum() else text


def paired_difference(
    first: Method, second: Method, key: str = 'f1', bootstrap: Bootstrap | None = None
) -> Difference:
    """Whether the second method's figure differs from the first's, on the images that both have.

    Images, or the larger images that they were cut from, are drawn with replacement for the
    interval, and exchanged between the methods for the p-value, always the same of both: what is
    hard for one method is mostly hard for the other. Of several seeds the mean of the figures is
    compared; its p-value is of the means of their counts.

    Args:
        first: one method.
        second: another.
        key: a figure of change: 'f1', 'iou', 'precision', 'recall', 'oa' or 'kappa'.
        bootstrap: how the interval is made, and how many exchanges are tried; None: the default.

    Raises:
        ResultError: there is no such figure, fewer than two common images, or an image's labels
            differ.
    """
    tables = [[_by_name(record) for record in method.records] for method in (first, second)]
    names = sorted(set.intersection(*(set(table) for each in tables for table in each)))
    _check_labels(names, tables)
    sources = [tables[0][0][name]['source'] for name in names]
    if len(set(sources)) < 2:
        raise ResultError(
            f'{first.name} and {second.name} have {len(set(sources))} (source) images in common; '
            'a comparison needs two or more. Are their images named alike?'
        )
    counts = [
        dict(zip('ab', (_stack(name, each) for each in tables), strict=True)) for name in names
    ]

    def figure(sums: np.ndarray) -> np.ndarray:
        figures = change_ratios(change_counts(sums))
        if key not in figures:
            raise ResultError(f'{key!r} cannot be compared; use one of {", ".join(figures)}.')
        return figures[key]

    def difference(sums: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {key: figure(sums['b']).mean(-1) - figure(sums['a']).mean(-1)}

    summed = sum_by(counts, sources)
    value = difference({of: each.sum(0).astype(float) for of, each in summed.items()})[key]
    bootstrap = bootstrap or Bootstrap()
    low, high = bootstrap.intervals(summed, difference)[key]
    p = swap_p_value(
        summed['a'].mean(1),
        summed['b'].mean(1),
        figure,
        resamples=bootstrap.resamples,
        seed=bootstrap.seed,
    )
    return Difference(float(value), low, high, p, len(names), len(set(sources)))


def _by_name(record: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {image['name']: image for image in record['images']}


def _stack(name: str, tables: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """One image's counts in each result, (S, K, K)."""
    return np.array([table[name]['confusion'] for table in tables], np.int64)


def _check_labels(names: Sequence[str], tables: Sequence[Sequence[Mapping[str, Any]]]) -> None:
    for name in names:
        hashes = {table[name]['label_sha256'] for each in tables for table in each}
        if len(hashes) > 1:
            raise ResultError(
                f'The image {name} was scored against different labels: results on different data '
                'can be shown side by side, but no difference of theirs can be tested.'
            )
