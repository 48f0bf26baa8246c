"""Numbers of a result as a page writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mmcd.evaluation.metric_names import HEADLINE, capitalised, metric_name

# Facts whose keys are not words.
FACTS = {'mmcd': 'version of mmcd', 'tta': 'test-time augmentation'}
# Groups of the table of metrics: title, and the figures in their order.
GROUPS = (
    ('Change, over all pixels', (*HEADLINE, 'oa', 'kappa')),
    ('Objects', ('object_f1', 'object_precision', 'object_recall')),
    ('Boundaries', ('boundary_f1', 'boundary_precision', 'boundary_recall')),
    (
        'Probabilities',
        ('average_precision', 'calibration_error_change', 'calibration_error'),
    ),
)
OTHERS = 'Classes, and further figures'


@dataclass(frozen=True)
class Figure:
    """One figure of a result.

    Args:
        name: in words.
        text: its value.
        interval: its interval, '' where there is none.
    """

    name: str
    text: str
    interval: str = ''


@dataclass(frozen=True)
class FigureGroup:
    """A table of figures."""

    title: str
    items: Sequence[Figure]

    @property
    def has_intervals(self) -> bool:
        """Whether any of its figures has one."""
        return any(item.interval for item in self.items)


def make_figure(key: str, value: Any, interval: Sequence[float] | None) -> Figure:
    """A figure in words, with two digits after the point."""
    text = '' if interval is None else f'{interval[0]:.2f} to {interval[1]:.2f}'
    return Figure(capitalised(metric_name(key)), format_value(value), text)


def group_figures(
    metrics: Mapping[str, Any], intervals: Mapping[str, Sequence[float]]
) -> list[FigureGroup]:
    """All figures of a result, by what they are about."""
    left = {key: value for key, value in metrics.items() if isinstance(value, (int, float))}
    chosen = [(title, [key for key in keys if key in left]) for title, keys in GROUPS]
    named = {key for _, keys in chosen for key in keys}
    chosen.append((OTHERS, [key for key in left if key not in named]))
    return [
        FigureGroup(title, [make_figure(key, left[key], intervals.get(key)) for key in keys])
        for title, keys in chosen
        if keys
    ]


def format_value(value: Any) -> str:
    """A number with two digits, or a count with separators."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f'{value:,}' if isinstance(value, int) else f'{value:.2f}'


def describe_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys and values of a protocol in words."""
    return [
        (capitalised(FACTS.get(key) or metric_name(key)), describe_fact(value))
        for key, value in facts.items()
    ]


def describe_fact(value: Any) -> str:
    """A plain value in words."""
    if value is None or value == '':
        return 'none'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, Mapping):
        return ', '.join(f'{metric_name(key)} {describe_fact(one)}' for key, one in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ', '.join(map(describe_fact, value))
    return f'{value:,}' if isinstance(value, int) and value >= 10_000 else str(value)
