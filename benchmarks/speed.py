"""How fast the networks are, and how much memory they take, against the plain float32 version.

    python benchmarks/speed.py --json speed.json --markdown speed.md
    python benchmarks/speed.py --networks darnet --cases 1x256 1x1024 --compile --exported
    python benchmarks/speed.py --profile darnet

All variants of a case are timed in turns in one process; the memory of each is that of a process
of its own. The files are written anew after every process: an interrupted run keeps what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: Python has put this folder on the path, not the root
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.speed_cases import (
    ALLOCATORS,
    CASES,
    NETWORKS,
    PLAIN,
    PROFILED,
    VARIANT_NAMES,
    Job,
    Variant,
    inference_variants,
    per_variant,
    training_variants,
)
from benchmarks.speed_report import add_job, as_markdown, new_results
from mmcd.cli.console import quiet_imports, run_tool
from mmcd.install.stack import require_stack
from mmcd.io.atomic import write_whole

ROOT = Path(__file__).resolve().parents[1]
QUICK_ROUNDS = 1
OTHERS = ('data_loading.py', 'scene_overhead.py')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--networks', nargs='+', choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument('--cases', nargs='+', choices=CASES, default=list(CASES))
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANT_NAMES, help='beside plain (default: all)'
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--threads', type=int, help="PyTorch's (default: its own choice)")
    parser.add_argument('--rounds', type=int, default=7, help='of which the median counts')
    parser.add_argument(
        '--allocator',
        choices=[*ALLOCATORS, 'both'],
        default='default',
        help="glibc's: 'kept' keeps freed memory in the process",
    )
    parser.add_argument('--compile', action='store_true', help='torch.compile too: minutes more')
    parser.add_argument('--exported', action='store_true', help='ONNX Runtime and OpenVINO too')
    parser.add_argument('--no-memory', dest='memory', action='store_false', help='only the time')
    parser.add_argument(
        '--profile', choices=NETWORKS, metavar='NETWORK', help='only list its dearest operators'
    )
    parser.add_argument('--all', action='store_true', help=f'run {" and ".join(OTHERS)} too')
    parser.add_argument('--data-roots', nargs='+', metavar='FOLDER', help='for data_loading.py')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='slim networks, images a quarter as wide, one round: to try the command',
    )
    parser.add_argument('--json', type=Path, metavar='FILE')
    parser.add_argument('--markdown', type=Path, metavar='FILE', help='default: printed')
    parser.add_argument('--child', help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main() -> int:
    args = parse_args()
    require_stack()
    if args.child:
        print(json.dumps(child(json.loads(args.child))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        results = measure(args, Path(folder))
    if args.markdown is None:
        print(as_markdown(results))
    lines = [*results['lines'], *results['profiles']]
    return int(any(line['status'] == 'failed' for line in lines))


def measure(
    args: argparse.Namespace,
    folder: Path,
    run: Callable[[Job], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Run all jobs, one after the other, and write the files after each.

    Args:
        args: from :func:`parse_args`.
        folder: where exported networks go.
        run: does one job; the default is :func:`run_apart`.
    """
    run = run or run_apart
    shown = {k: str(v) if isinstance(v, Path) else v for k, v in vars(args).items() if k != 'child'}
    results = new_results(shown, datetime.now().isoformat(timespec='seconds'))
    jobs = list(plan(args, folder))
    for number, job in enumerate(jobs, start=1):
        print(f'[{number}/{len(jobs)}] {job.title}', file=sys.stderr, flush=True)
        add_job(results, job, run(job))
        write(results, args)
    for script in OTHERS if args.all else ():
        print(script, file=sys.stderr, flush=True)
        results['others'].append(run_other(script, args))
        write(results, args)
    results['finished'] = datetime.now().isoformat(timespec='seconds')
    write(results, args)
    return results


def write(results: dict[str, Any], args: argparse.Namespace) -> None:
    if args.json:
        write_whole(args.json, json.dumps(results, indent=1).encode())
    if args.markdown:
        write_whole(args.markdown, as_markdown(results).encode())


def plan(args: argparse.Namespace, folder: Path) -> Iterator[Job]:
    """The jobs in the order in which they run."""
    if args.profile:
        variants = (PLAIN, Variant('optimised', 'float32'), Variant('optimised', 'bfloat16'))
        yield replace(make_job(args, args.profile, PROFILED, 'profile'), variants=variants)
        return
    allocators = list(ALLOCATORS) if args.allocator == 'both' else [args.allocator]
    for network in args.networks:
        cases = [make_job(args, network, name, 'time') for name in args.cases]
        cases = [replace(job, variants=chosen_variants(args, job)) for job in cases]
        if any(variant.is_exported for job in cases for variant in job.variants):
            onnx = str(folder / f'{network}.onnx')
            yield replace(make_job(args, network, args.cases[0], 'export'), onnx=onnx)
            cases = [replace(job, onnx=onnx) for job in cases]
        for job in cases:
            for allocator in allocators:
                timing = replace(job, allocator=allocator)
                yield timing
                if args.memory:
                    yield from per_variant(timing)


def make_job(args: argparse.Namespace, network: str, case_name: str, kind: str) -> Job:
    case, config = CASES[case_name], NETWORKS[network].config
    job = Job(kind, network, config, case, device=args.device, threads=args.threads)
    if not args.quick:
        return replace(job, rounds=args.rounds)
    return replace(
        job,
        config=NETWORKS[network].slim,
        case=case.quarter,
        rounds=QUICK_ROUNDS,
        turn_seconds=0.0,
        small_peak=True,
    )


def chosen_variants(args: argparse.Namespace, job: Job) -> tuple[Variant, ...]:
    if job.case.training:
        variants = training_variants(job.network, args.device)
    else:
        variants = inference_variants(args.device, compiled=args.compile, exported=args.exported)
    wanted = args.variants
    return tuple(v for v in variants if wanted is None or v == PLAIN or v.name in wanted)


def run_apart(job: Job) -> dict[str, Any]:
    """Do a job in a process of its own, under the job's allocator settings."""
    command = [sys.executable, str(ROOT / 'benchmarks' / 'speed.py')]
    command += ['--child', json.dumps(job.to_dict())]
    # The default is glibc's own behaviour, whatever this process runs under.
    environment = {k: v for k, v in os.environ.items() if not k.startswith('MALLOC_')}
    environment.update(ALLOCATORS[job.allocator])
    if job.threads:
        environment['OMP_NUM_THREADS'] = str(job.threads)
    with tempfile.TemporaryDirectory() as cache:
        # What an earlier process has compiled would make compiling look quick.
        environment['TORCHINDUCTOR_CACHE_DIR'] = cache
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, env=environment, check=False
        )
    said = done.stdout.strip().splitlines()
    if done.returncode == 0 and said:
        return json.loads(said[-1])
    killed = ' (out of memory?)' if done.returncode == -9 else ''
    return dict(error=f'the process ended with status {done.returncode}{killed}')


def child(content: dict[str, Any]) -> dict[str, Any]:
    """Do a job here; a failure of the whole job is its result."""
    try:
        with quiet_imports():
            from benchmarks.speed_child import run_job
        return run_job(Job.from_dict(content))
    except Exception as error:
        traceback.print_exc()
        return dict(error=f'{type(error).__name__}: {str(error).strip()}'.splitlines()[0])


def run_other(script: str, args: argparse.Namespace) -> dict[str, Any]:
    """Run one of the other benchmarks and keep what it prints."""
    own = []
    if script == 'data_loading.py':
        own = [f'configs/{NETWORKS["darnet"].config}']
        own += ['--data-roots', *args.data_roots] if args.data_roots else []
        own += ['--batches', '2', '--rounds', '1'] if args.quick else []
    elif args.quick:
        own = ['--sizes', '512']
    command = [sys.executable, str(ROOT / 'benchmarks' / script), *own]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    reason = None
    if done.returncode:
        last = done.stderr.strip().splitlines()[-3:] or ['no message']
        reason = f'ended with status {done.returncode}: {" ".join(last)}'
    shown = f'python benchmarks/{" ".join([script, *own])}'
    return dict(command=shown, output=done.stdout, reason=reason)


if __name__ == '__main__':
    run_tool(main)
