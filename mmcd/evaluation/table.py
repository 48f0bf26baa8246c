"""Results as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mmcd.evaluation.metric_names import NAMES, metric_name


def in_order(keys: Iterable[str]) -> list[str]:
    """Keys of figures in the order of their names, others after them."""
    known = list(NAMES)
    return sorted(keys, key=lambda key: known.index(key) if key in known else len(known))


def format_record(record: Mapping[str, Any]) -> str:
    """A record's figures with their intervals, a line each, and what they are of."""
    intervals, how = record['intervals'], record['bootstrap']
    protocol = record['protocol']
    level = f'{100 * how["level"]:g} % interval'
    header = ['change, in percent', '', level if intervals else '']
    rows = []
    for key in in_order(record['metrics']):
        low_high = '{:.2f} to {:.2f}'.format(*intervals[key]) if key in intervals else ''
        rows.append([metric_name(key), f'{record["metrics"][key]:.2f}', low_high])
    said = f'{protocol["images"]} images'
    if how['unit'] != 'image':
        said += f' of {how["units"]} source images, over which the intervals are made'
    if 'missing' in how:
        said += f'. No intervals: {how["missing"]}'
    return align([header, *rows]) + f'\n{said}'


def align(rows: Sequence[Sequence[str]]) -> str:
    """Rows of words as columns: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for first, *others in rows:
        cells = [f'{word:>{width}}' for word, width in zip(others, widths[1:], strict=True)]
        lines.append('  '.join([f'{first:<{widths[0]}}', *cells]).rstrip())
    return '\n'.join(lines)
