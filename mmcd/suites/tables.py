"""Tables of results, made from the result files and written between markers in documents."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmcd.errors import ResultError
from mmcd.evaluation.record import read_record

PUBLISHED = 'published.json'
_MARKED = re.compile(
    r'(?P<start><!-- results: (?P<key>[\w]+) -->\n)(?P<table>.*?)(?P<end><!-- end of results -->)',
    re.DOTALL,
)
COLUMNS = (
    'network',
    'F1',
    "F1, validation's threshold",
    'precision',
    'recall',
    'seeds',
    'parameters',
    'multiply-adds, 256²',
    'training',
    'minutes',
)


def read_results(folder: Path) -> list[dict[str, Any]]:
    """All result files of a folder, in order of their names.

    Raises:
        ResultError: a file is none of a suite's.
    """
    records = []
    for path in sorted(folder.glob('*.json')):
        if path.name == PUBLISHED:
            continue
        record = read_record(path)
        if 'run' not in record:
            raise ResultError(f'{path} is no result of a suite: tools/benchmark.py writes those.')
        records.append(record)
    return records


def read_published(folder: Path) -> dict[str, Any]:
    """Titles and published figures by benchmark, from ``published.json``.

    Raises:
        ResultError: it can't be read.
    """
    path = folder / PUBLISHED
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise ResultError(
            f'Cannot read {path}: {error}. It states the benchmarks of the tables, as '
            'results/published.json of mmcd does; --documents without names makes no tables.'
        ) from error


def make_table(
    benchmark: str, records: Sequence[Mapping[str, Any]], published: Mapping[str, Any]
) -> str:
    """The Markdown table of one benchmark: what was measured, then what others published.

    Args:
        benchmark: a key of ``published``.
        records: of all benchmarks.
        published: see :func:`read_published`.

    Raises:
        ResultError: there is no such benchmark.
    """
    if benchmark not in published:
        raise ResultError(
            f'{PUBLISHED} has no benchmark {benchmark}; it has {", ".join(published)}.'
        )
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        if record['run']['benchmark'] == benchmark:
            rows.setdefault(record['run']['name'], []).append(record)
    lines = [_row(row) for row in sorted(rows.values(), key=_mean_f1, reverse=True)]
    lines += [_published_row(entry) for entry in published[benchmark]['published']]
    head = [f'| {" | ".join(COLUMNS)} |', '|' + '---|' * len(COLUMNS)]
    return '\n'.join([*head, *lines]) + '\n'


def has_tables(text: str) -> bool:
    """Whether a document has markers for :func:`fill_in`."""
    return _MARKED.search(text) is not None


def fill_in(text: str, records: Sequence[Mapping[str, Any]], published: Mapping[str, Any]) -> str:
    """A document with the table between each pair of its markers made anew.

    ``<!-- results: BENCHMARK -->`` and ``<!-- end of results -->`` stand on lines of their own.
    """

    def table_of(match: re.Match[str]) -> str:
        table = make_table(match['key'], records, published)
        return f'{match["start"]}{table}{match["end"]}'

    return _MARKED.sub(table_of, text)


def _row(records: Sequence[Mapping[str, Any]]) -> str:
    run = records[0]['run']
    keys = ('config_sha256', 'start_sha256')  # older results do not have the latter
    if any(len({record['run'].get(key) for record in records} - {None}) > 1 for key in keys):
        raise ResultError(
            f'The results of {run["name"]} mix several configs and cannot be averaged. Remove '
            'those of earlier configs.'
        )
    f1, precision, recall = (
        _spread([r['metrics'][key] for r in records]) for key in ('f1', 'precision', 'recall')
    )
    tuned = [r['run']['tuned']['f1'] for r in records if 'tuned' in r['run']]
    seeds = ', '.join(str(r['run']['seed']) for r in records)
    if run['steps'] is None:
        training, minutes = 'none here', ''
    else:
        training = f'{run["steps"]:,} × {run["batch_size"]}'
        if any(r['run'].get('amp') for r in records):
            training += ', mixed precision'
        minutes = f'{statistics.mean(r["run"]["train_minutes"] for r in records):.0f}'
    cells = [
        f'{run["title"]} (`{run["name"]}`)',
        f1,
        # Of all seeds or of none: means of different seeds are not beside each other.
        _spread(tuned) if len(tuned) == len(records) else '',
        precision,
        recall,
        seeds,
        f'{run["parameters"] / 1e6:.2f} M',
        f'{run["multiply_adds"] / 1e9:.2f} G',
        training,
        minutes,
    ]
    return f'| {" | ".join(cells)} |'


def _published_row(entry: Mapping[str, Any]) -> str:
    ratios = [
        f'{entry[key]:.1f}' if entry.get(key) is not None else '' for key in ('precision', 'recall')
    ]
    cells = [
        f'{entry["method"]}, published: {entry["source"]}',
        f'{entry["f1"]:.1f}',
        '',
        *ratios,
        *[''] * 5,
    ]
    return f'| {" | ".join(cells)} |'


def _mean_f1(records: Sequence[Mapping[str, Any]]) -> float:
    return statistics.mean(record['metrics']['f1'] for record in records)


def _spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation where there are several."""
    mean = f'{statistics.mean(values):.1f}'
    return mean if len(values) < 2 else f'{mean} ± {statistics.stdev(values):.1f}'
