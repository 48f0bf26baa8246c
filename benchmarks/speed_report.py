"""The results of `speed.py`: gathered job by job, kept as JSON, shown as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.speed_cases import PLAIN, Job

SCHEMA = 1
KEYS = ('network', 'case', 'allocator', 'variant', 'precision')
COLUMNS = (
    'variant',
    'precision',
    'median s',
    'min s',
    'times as fast',
    'GFLOP',
    'of peak',
    'deviation',
    'same mask',
    'MB',
    'MB above start',
    'of plain',
    'compiling s',
    'remarks',
)
NOTES = """\
Seconds are of one batch, or of one training step (forward, losses, backward, AdamW): medians of
rounds in which all variants of a case had their turn. "Times as fast" is against the plain float32
network of the same case, in the same process. GFLOP are counted on that variant's own run, a
multiplication and an addition apart; "of peak" is against the best of several 3x3 convolutions and
a matrix product in that precision, timed in the same turns. "Deviation" is the largest difference
from plain's logits over the largest logit (p: of the probability; loss: of the first step's loss),
"same mask" the share of pixels on the same side of the median of plain's scores. Weights are
random and images noise, on which reduced precision agrees far less than on photographs with trained
ones; BatchNorm's statistics are those of the features; PRX-Change has neither dropout nor the
refinement, which serves training only. MB: largest memory of a fresh process, and
how much of it came on top of the imports, the network and the batch, compiling included; "of
plain" compares the latter."""


def new_results(arguments: dict[str, Any], started: str) -> dict[str, Any]:
    return dict(
        schema=SCHEMA,
        started=started,
        finished=None,
        arguments=arguments,
        settings=[],
        lines=[],
        peaks=[],
        exports=[],
        profiles=[],
        others=[],
    )


def add_job(results: dict[str, Any], job: Job, found: dict[str, Any]) -> None:
    """Add what a job's process found: see :func:`benchmarks.speed_child.run_job`.

    A process that failed as a whole has ``error`` for its reason.
    """
    place = dict(network=job.network, case=job.case.name, allocator=job.allocator)
    lines = found.get('lines', [])
    if 'error' in found:
        failed = dict(status='failed', reason=found['error'])
        lines = [dict(variant=v.name, precision=v.precision, **failed) for v in job.variants]
    number = _settings_number(results, found)
    if job.kind == 'export':
        results['exports'].append(
            dict(network=job.network, seconds=found.get('seconds'), reason=found.get('error'))
        )
        return
    if job.kind == 'profile':
        profiles = found.get('profiles', lines)
        results['profiles'] += [{**place, 'settings': number, **one} for one in profiles]
        return
    for precision, rates in found.get('peaks', {}).items():
        results['peaks'].append({**place, 'precision': precision, 'operations_per_second': rates})
    for line in lines:
        if job.kind == 'memory':
            _add_memory(results, {**place, **line})
        else:
            results['lines'].append(
                {**place, 'training': job.case.training, 'settings': number, **line}
            )


def _settings_number(results: dict[str, Any], found: dict[str, Any]) -> int | None:
    """Where a process's settings stand in the list of all that differ."""
    if 'settings' not in found:
        return None
    own = {k: v for k, v in found['settings'].items() if k != 'load_average'}
    for number, known in enumerate(results['settings']):
        if {k: v for k, v in known.items() if k != 'load_average'} == own:
            # How busy the machine was at its worst.
            loads = [known['load_average'], found['settings']['load_average']]
            known['load_average'] = max((load for load in loads if load is not None), default=None)
            return number
    results['settings'].append(found['settings'])
    return len(results['settings']) - 1


def _add_memory(results: dict[str, Any], memory: dict[str, Any]) -> None:
    """Put a variant's memory into its line, and against plain's."""
    for line in results['lines']:
        if all(line[key] == memory[key] for key in KEYS):
            line['memory'] = {k: v for k, v in memory.items() if k not in KEYS}
    same_case = [
        line
        for line in results['lines']
        if all(line[key] == memory[key] for key in KEYS[:3])
        and 'above_mb' in line.get('memory', {})
    ]
    for plain in same_case:
        if (plain['variant'], plain['precision']) == (PLAIN.name, PLAIN.precision):
            for line in same_case:
                above = plain['memory']['above_mb']
                line['memory']['ratio'] = line['memory']['above_mb'] / above if above > 0 else None


def as_markdown(results: dict[str, Any]) -> str:
    parts = ['# Speed and memory', f'Measured from {results["started"]} on.']
    if results['settings']:
        parts.append('\n'.join(_settings(results['settings'])))
    if results['lines']:
        parts.append(NOTES)
    for place in dict.fromkeys(tuple(line[key] for key in KEYS[:3]) for line in results['lines']):
        lines = [line for line in results['lines'] if tuple(line[k] for k in KEYS[:3]) == place]
        parts.append(f'## {place[0]}, {place[1]}, allocator {place[2]}')
        parts.append(f'Settings {lines[0]["settings"]}. {_peak(results["peaks"], place)}')
        parts.append(table(COLUMNS, map(_cells, lines)))
    for one in results['exports']:
        said = one['reason'] or f'{_number(one["seconds"], ".1f")} s'
        parts.append(f'Exporting {one["network"]} to ONNX: {said}')
    parts += [_profile(one) for one in results['profiles']]
    parts += [_other(one) for one in results['others']]
    return '\n\n'.join(parts) + '\n'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ['---'] * len(columns), *rows]
    return '\n'.join(f'| {" | ".join(cell.replace("|", "/") for cell in line)} |' for line in lines)


def _settings(settings: list[dict[str, Any]]) -> Iterable[str]:
    for number, one in enumerate(settings):
        extensions = [name for name in ('amx_bf16', 'avx512_bf16') if one[name]]
        environment = ' '.join(f'{k}={v}' for k, v in one['environment'].items())
        packages = ''.join(f', {name} {version}' for name, version in one['packages'].items())
        yield (
            f'- Settings {number}: {one["device"]}; {one["cpu"]}, {one["cores"]} cores, '
            f'{one["threads"]} threads; {", ".join(extensions) or "no bfloat16 instructions"}; '
            f'PyTorch {one["torch"]}, Python {one["python"]}{packages}; environment: '
            f'{environment or "nothing that counts"}; load {_number(one["load_average"], ".1f")}'
        )


def _peak(peaks: list[dict[str, Any]], place: tuple[str, ...]) -> str:
    found = [one for one in peaks if tuple(one[key] for key in KEYS[:3]) == place]
    texts = []
    for one in found:
        rates = {name: rate / 1e9 for name, rate in one['operations_per_second'].items()}
        peak = rates.pop('peak')
        parts = ', '.join(f'{name} {rate:,.0f}' for name, rate in rates.items())
        texts.append(f'{one["precision"]} {peak:,.0f} ({parts})')
    return f'Peak in GFLOP/s: {"; ".join(texts)}.' if texts else ''


def _cells(line: dict[str, Any]) -> list[str]:
    memory = line.get('memory', {})
    own = memory.get('reason') if line['status'] == 'measured' else None
    remarks = [line.get('reason'), line.get('note'), f'memory: {own}' if own else None]
    if line.get('uncounted'):
        remarks.append(f'not counted: {", ".join(line["uncounted"])}')
    flops = line.get('flops')
    kind = {'probability': ' (p)', 'loss': ' (loss)'}.get(line.get('deviation_of', ''), '')
    deviation = _number(line.get('deviation'), '.1e')
    return [
        line['variant'],
        line['precision'],
        _number(line.get('median_seconds'), '.4g'),
        _number(line.get('min_seconds'), '.4g'),
        _number(line.get('ratio'), '.2f'),
        _number(None if flops is None else flops / 1e9, '.4g'),
        _number(line.get('share_of_peak'), '.0%'),
        deviation + (kind if line.get('deviation') is not None else ''),
        _number(line.get('mask_agreement'), '.3%'),
        _number(memory.get('largest_mb'), ',.0f'),
        _number(memory.get('above_mb'), ',.0f'),
        _number(memory.get('ratio'), '.2f'),
        _number(line.get('compile_seconds'), '.1f'),
        '; '.join(filter(None, remarks)),
    ]


def _number(value: float | None, form: str) -> str:
    return '–' if value is None else format(value, form)


def _profile(one: dict[str, Any]) -> str:
    head = f'## Profile: {one["network"]}, {one["case"]}, {one["variant"]} {one["precision"]}'
    if one['status'] != 'measured':
        return f'{head}\n\n{one["reason"]}'
    rows = [
        [
            row['operator'],
            str(row['calls']),
            f'{row["milliseconds"]:.1f}',
            f'{row["share"]:.1%}',
        ]
        for row in one['rows']
    ]
    return f'{head}\n\n{table(("operator", "calls", "own CPU ms", "share"), rows)}'


def _other(one: dict[str, Any]) -> str:
    said = one['reason'] or one['output'].strip()
    return f'## `{one["command"]}`\n\n```\n{said}\n```'
