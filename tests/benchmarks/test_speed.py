"""The benchmark command, tried on slim networks and tiny images; timings are never asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import speed
from benchmarks.speed import child, measure, parse_args, plan, run_apart
from benchmarks.speed_cases import CASES, Case, Job, Variant
from benchmarks.speed_report import as_markdown, new_results

ROOT = Path(__file__).resolve().parents[2]
TINY = Job('time', 'darnet', 'darnet_sample.py', Case(1, 32, 32), rounds=1, small_peak=True)
MEASURED = {
    'median_seconds',
    'min_seconds',
    'rounds_seconds',
    'ratio',
    'flops',
    'peak',
    'share_of_peak',
    'compile_seconds',
    'settings',
}


def quick(folder: Path, *arguments: str):
    files = ['--json', str(folder / 'speed.json'), '--markdown', str(folder / 'speed.md')]
    return parse_args(['--quick', *files, *arguments])


def run_here(job: Job) -> dict[str, Any]:
    """As in a process of its own: all goes through JSON."""
    return json.loads(json.dumps(child(json.loads(json.dumps(job.to_dict())))))


def by_variant(lines: list[dict]) -> dict[tuple[str, str], dict]:
    return {(line['variant'], line['precision']): line for line in lines}


def table_rows(markdown: str) -> list[list[str]]:
    rows = [line for line in markdown.splitlines() if line.startswith('| ')]
    return [[cell.strip() for cell in row.strip('|').split('|')] for row in rows]


@pytest.mark.parametrize('network', ['darnet', 'prx_cross'])
def test_inference(tmp_path, network):
    measure(quick(tmp_path, '--networks', network, '--cases', '1x256'), tmp_path, run_here)
    results = json.loads((tmp_path / 'speed.json').read_text())
    assert results['finished']
    lines = by_variant(results['lines'])
    assert list(lines) == [
        ('plain', 'float32'),
        ('as trained', 'float32'),
        ('autocast', 'bfloat16'),
        ('optimised', 'float32'),
        ('optimised', 'bfloat16'),
    ]
    for (_, precision), line in lines.items():
        assert line['status'] == 'measured' and line['case'] == '1x64'
        assert line.keys() >= MEASURED
        assert line['deviation_of'] == 'logits'
        assert line['deviation'] < (1e-4 if precision == 'float32' else 0.5)
        assert line['mask_agreement'] > (0.999 if precision == 'float32' else 0.8)
        assert line['memory'].keys() == {'largest_mb', 'above_mb', 'ratio'}
    assert lines['plain', 'float32']['ratio'] == 1
    assert lines['plain', 'float32']['flops'] >= lines['as trained', 'float32']['flops'] > 1e6
    assert results['settings'][lines['plain', 'float32']['settings']]['torch']
    assert {one['precision'] for one in results['peaks']} == {'float32', 'bfloat16'}
    header, _, *rows = table_rows((tmp_path / 'speed.md').read_text())
    assert [tuple(row[:2]) for row in rows] == list(lines)
    assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize('network', ['darnet', 'prx_cross'])
def test_training(tmp_path, network):
    arguments = ['--networks', network, '--cases', 'train-4x256', '--no-memory']
    results = measure(quick(tmp_path, *arguments), tmp_path, run_here)
    lines = by_variant(results['lines'])
    assert list(lines) == [
        ('plain', 'float32'),
        ('as trained', 'float32'),
        ('mixed precision', 'bfloat16'),
        *([('activation checkpointing', 'float32')] if network == 'darnet' else []),
    ]
    for (_, precision), line in lines.items():
        assert line['status'] == 'measured' and line['training'] is True
        assert line.keys() >= MEASURED
        # The same losses, dropout and refinement being off.
        assert line['deviation'] < (1e-4 if precision == 'float32' else 0.1)


def test_a_variant_that_the_device_does_not_support_gives_its_reason():
    variants = (Variant('plain', 'float32'), Variant('optimised', 'float16'))
    found = run_here(replace(TINY, variants=variants))
    plain, half = found['lines']
    assert plain['status'] == 'measured'
    assert half['status'] == 'skipped' and 'float16 is for GPUs' in half['reason']


def test_a_network_that_was_not_exported_gives_its_reason():
    found = run_here(replace(TINY, variants=(Variant('OpenVINO', 'bfloat16'),), onnx='none.onnx'))
    (line,) = found['lines']
    assert line['status'] == 'skipped' and 'no exported network' in line['reason']


def test_a_failed_process_loses_no_others(tmp_path):
    def run(job: Job) -> dict[str, Any]:
        if job.case.batch == 4:
            return dict(error='the process ended with status -9 (out of memory?)')
        return run_here(job)

    cases = ['--cases', '4x256', '1x256', '--variants', 'plain']
    results = measure(quick(tmp_path, '--networks', 'darnet', *cases), tmp_path, run)
    four, one = results['lines']
    assert four['status'] == 'failed' and one['status'] == 'measured'
    rows = table_rows((tmp_path / 'speed.md').read_text())
    assert any('out of memory' in row[-1] for row in rows)


def test_an_interrupted_run_keeps_what_it_has(tmp_path):
    def run(job: Job) -> dict[str, Any]:
        if job.case.batch == 4:
            raise KeyboardInterrupt
        return run_here(job)

    args = quick(tmp_path, '--networks', 'darnet', '--cases', '1x256', '4x256', '--no-memory')
    with pytest.raises(KeyboardInterrupt):
        measure(args, tmp_path, run)
    results = json.loads((tmp_path / 'speed.json').read_text())
    assert results['finished'] is None
    assert {line['case'] for line in results['lines']} == {'1x64'}


def test_profile(tmp_path):
    results = measure(quick(tmp_path, '--profile', 'darnet'), tmp_path, run_here)
    assert [one['status'] for one in results['profiles']] == ['measured'] * 3
    for one in results['profiles']:
        shares = [row['share'] for row in one['rows']]
        assert 1 < len(shares) <= 15 and shares == sorted(shares, reverse=True)
    assert '| aten::' in as_markdown(results)


def test_plan():
    args = parse_args(['--cases', '1x256', 'train-4x256', '--allocator', 'both', '--exported'])
    jobs = list(plan(args, Path('folder')))
    assert {job.network for job in jobs} == {'darnet', 'prx', 'prx_cross'}
    jobs = [job for job in jobs if job.network == 'darnet']
    assert [job.kind for job in jobs].count('export') == 1 and jobs[0].kind == 'export'
    timings = [job for job in jobs if job.kind == 'time']
    assert [(job.case, job.allocator) for job in timings] == [
        (CASES[case], allocator)
        for case in ('1x256', 'train-4x256')
        for allocator in ('default', 'kept')
    ]
    assert {job.onnx for job in timings} == {jobs[0].onnx}
    assert [v for v in timings[0].variants if v.is_exported]
    # Each variant's memory is taken in a process of its own.
    memory = [job for job in jobs if job.kind == 'memory']
    assert [job.variants for job in memory] == [(v,) for job in timings for v in job.variants]


def test_jobs_survive_json():
    job = replace(TINY, variants=(Variant('plain', 'float32'),), threads=2)
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job


def test_the_allocator_is_set_for_the_process(monkeypatch):
    seen = []

    def pretend(command: list[str], *, env: dict[str, str], **kwargs: Any):
        seen.append({k: v for k, v in env.items() if k.startswith('MALLOC_')})
        return subprocess.CompletedProcess(command, 0, stdout='chatter\n{"lines": []}\n')

    monkeypatch.setenv('MALLOC_ARENA_MAX', '1')
    monkeypatch.setattr(subprocess, 'run', pretend)
    for allocator in ('default', 'kept'):
        assert run_apart(replace(TINY, allocator=allocator)) == {'lines': []}
    assert seen == [{}, {'MALLOC_MMAP_MAX_': '0', 'MALLOC_TRIM_THRESHOLD_': '100000000000'}]


def test_a_process_that_dies_gives_its_status(monkeypatch):
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    assert run_apart(TINY) == {'error': 'the process ended with status 1'}


def test_another_benchmark_that_fails_gives_its_reason(tmp_path, monkeypatch):
    def fail(command: list[str], **kwargs: Any):
        return subprocess.CompletedProcess(command, 2, stdout='', stderr='error: no such folder\n')

    monkeypatch.setattr(subprocess, 'run', fail)
    found = speed.run_other('data_loading.py', quick(tmp_path, '--data-roots', 'missing'))
    assert found['reason'] == 'ended with status 2: error: no such folder'
    assert found['command'].endswith('--data-roots missing --batches 2 --rounds 1')
    assert 'no such folder' in as_markdown({**new_results({}, 'now'), 'others': [found]})


@pytest.mark.slow
def test_the_command(tmp_path):
    command = [sys.executable, ROOT / 'benchmarks' / 'speed.py', '--quick', '--networks', 'prx']
    command += ['--cases', '1x256', '--variants', 'plain', '--json', tmp_path / 'speed.json']
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith('# Speed and memory')
    assert '[2/2] memory prx 1x64 default: plain float32' in done.stderr
    (line,) = json.loads((tmp_path / 'speed.json').read_text())['lines']
    assert line['memory']['largest_mb'] > 100
