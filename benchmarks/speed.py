"""How fast the networks are, and how much memory they take, against the plain float32 version.

    python benchmarks/speed.py --keep-memory --json speed.json
    python benchmarks/speed.py --networks darnet --cases 1x256 1x1024 --memory
    python benchmarks/speed.py --profile darnet

All variants of a case are timed in turns in one process; the memory of each is that of a process
of its own. Tables are printed case by case, and the file is written anew after each.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

if not __package__:  # run as a script: Python has put this folder on the path, not the root
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from torch.profiler import profile
from torch.utils.benchmark import Measurement, Timer

from benchmarks.speed_variants import (
    NETWORKS,
    PEER,
    PLAIN,
    Case,
    build_model,
    build_peer,
    prepare,
    scores,
)
from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError, MissingExtraError
from mmcd.inference.allocator import keep_freed_memory
from mmcd.io.atomic import write_whole
from mmcd.models.operations import count_multiply_adds

CASES = [Case(1, 256), Case(4, 256), Case(1, 512), Case(1, 1024), Case(4, 256, training=True)]
# Compiling and exporting take minutes: only where they are asked for.
AT_ONCE = (PEER, 'as trained', 'autocast', 'optimised', 'mixed precision', 'checkpointing')
TURN_SECONDS, MOST_REPEATS = 0.2, 50
COLUMNS = ('variant', 'seconds', 'spread', 'times as fast', 'deviation', 'MB', 'remarks')


def parse_args(arguments: list[str] | None = None) -> argparse.Namespace:
    names = [case.name for case in CASES]
    variants = list(dict.fromkeys(variant for case in CASES for variant in case.variants))
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], epilog=f'variants: {", ".join(variants)}'
    )
    parser.add_argument('--networks', nargs='+', choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument('--cases', nargs='+', choices=names, default=names)
    parser.add_argument(
        '--variants', nargs='+', metavar='WORD', help='those that have such a word, and plain'
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument('--threads', type=int, help="PyTorch's (default: its own choice)")
    parser.add_argument('--rounds', type=int, default=7, help='of which the median counts')
    parser.add_argument('--keep-memory', action='store_true', help='as in the tools')
    parser.add_argument('--memory', action='store_true', help="each variant's largest memory, too")
    parser.add_argument('--profile', choices=NETWORKS, help='only list its dearest operators')
    parser.add_argument(
        '--quick',
        action='store_true',
        help='slim networks, images a quarter as wide: to try the command',
    )
    parser.add_argument('--json', type=Path, metavar='FILE')
    return parser.parse_args(arguments)


def main() -> None:
    args = parse_args()
    _settle(args)
    print(_machine(args), file=sys.stderr)
    if args.profile:
        print_profile(args)
    else:
        measure(args)


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Time all that the arguments ask for; prints a table a case and writes the file after each."""
    lines: list[dict[str, Any]] = []
    for network in args.networks:
        with tempfile.TemporaryDirectory() as folder:
            print(f'\n{network}: {_operations(args, network)}', flush=True)
            for case in _cases(args):
                found = list(_measure(args, network, case, Path(folder)))
                print(f'\n{network}, {case.name}\n')
                print(as_table(found), flush=True)
                lines += [dict(network=network, case=case.name, **line) for line in found]
                if args.json:
                    content = dict(machine=_machine(args), lines=lines)
                    write_whole(args.json, json.dumps(content, indent=1).encode())
    return lines


def as_table(lines: list[dict[str, Any]]) -> str:
    """The variants of a case as a table in Markdown."""
    rows = [COLUMNS, ['---'] * len(COLUMNS)]
    forms = dict(zip(COLUMNS, ('', '.4g', '.0%', '.2f', '.1e', ',.0f', ''), strict=True))
    for line in lines:
        rows.append([format(line[c], forms[c]) if line.get(c) is not None else '' for c in COLUMNS])
    return '\n'.join(f'| {" | ".join(row)} |' for row in rows)


def _settle(args: argparse.Namespace) -> None:
    warnings.filterwarnings('ignore')
    if args.device == 'cuda' and not torch.cuda.is_available():
        raise ConfigError('PyTorch finds no GPU: use --device cpu.')
    known = {variant for case in CASES for variant in case.variants}
    for word in args.variants or ():
        if not any(word in variant for variant in known):
            raise ConfigError(f'No variant has the word {word!r}: {", ".join(sorted(known))}.')
    if args.threads:
        torch.set_num_threads(args.threads)
    if args.keep_memory:
        keep_freed_memory()


def _cases(args: argparse.Namespace) -> list[Case]:
    return [_sized(args, case) for case in CASES if case.name in args.cases]


def _sized(args: argparse.Namespace, case: Case) -> Case:
    return Case(case.batch, case.size // 4, case.training) if args.quick else case


def _variants(args: argparse.Namespace, case: Case) -> list[str]:
    words = [*(args.variants or AT_ONCE), PLAIN]
    return [
        variant
        for variant in case.variants
        if any(word in variant for word in words)
        and (args.device == 'cuda' or not variant.endswith(' float16'))
    ]


def _model(args: argparse.Namespace, network: str) -> torch.nn.Module:
    return build_model(NETWORKS[network][args.quick], torch.device(args.device))


def _measure(
    args: argparse.Namespace, network: str, case: Case, folder: Path
) -> Iterator[dict[str, Any]]:
    model = _model(args, network)
    runs: dict[str, Callable[[], Any]] = {}
    lines = {variant: dict(variant=variant) for variant in _variants(args, case)}
    plain = None
    for variant, line in lines.items():
        print(f'{network} {case.name}: preparing {variant}', file=sys.stderr, flush=True)
        try:
            run = prepare(variant, model, case, folder)
            said = run() if case.training else scores(run())
        except (ConfigError, MissingExtraError, RuntimeError) as error:
            line['remarks'] = str(error).strip().splitlines()[0]
            continue
        runs[variant] = run
        plain = said if variant == PLAIN else plain
        if plain is not None and variant not in (PLAIN, PEER):
            line['deviation'] = _deviation(said, plain)
    for variant, found in time_in_turns(runs, args.rounds).items():
        lines[variant]['seconds'] = found.median
        lines[variant]['spread'] = found.iqr / found.median
    for variant, line in lines.items():
        if PLAIN in runs and variant in runs:
            line['times as fast'] = lines[PLAIN]['seconds'] / line['seconds']
        if args.memory and variant in runs:
            line['MB'] = _memory_apart(args, network, case, variant, folder)
        yield line


def _deviation(said: torch.Tensor, plain: torch.Tensor) -> float:
    """The largest difference from plain's scores, over the largest of these."""
    if said.min() >= 0 > plain.min():  # probabilities
        plain = plain.sigmoid()
    return float((said - plain).abs().max() / plain.abs().max())


def time_in_turns(runs: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, Measurement]:
    """Time several runs in turns, so that what else the machine does falls on all alike.

    Args:
        runs: what to run, by name; each has run once.
        rounds: how often each has its turn, in which a short run is repeated.
    """
    threads = torch.get_num_threads()
    timers = {
        name: Timer('run()', globals=dict(run=run), num_threads=threads, label=name)
        for name, run in runs.items()
    }
    once = {name: timer.timeit(1).median for name, timer in timers.items()}
    repeats = {n: min(max(round(TURN_SECONDS / s), 1), MOST_REPEATS) for n, s in once.items()}
    taken: dict[str, list[Measurement]] = {name: [] for name in runs}
    for number in range(rounds):
        print(f'round {number + 1} of {rounds}', file=sys.stderr, flush=True)
        for name, timer in timers.items():
            taken[name].append(timer.timeit(repeats[name]))
    return {name: Measurement.merge(found)[0] for name, found in taken.items()}


def _memory_apart(
    args: argparse.Namespace, network: str, case: Case, variant: str, folder: Path
) -> float | None:
    """MB that a variant takes on top of the process with the network; None: it was killed."""
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        try:
            return pool.submit(peak_memory, args, network, case, variant, folder).result()
        except BrokenProcessPool:
            return None


def peak_memory(
    args: argparse.Namespace, network: str, case: Case, variant: str, folder: Path
) -> float:
    """MB that a variant takes at the most above what was there before; PyTorch's on a GPU."""
    _settle(args)
    run = prepare(variant, _model(args, network), case, folder)
    if args.device == 'cuda':
        run()  # makes an optimizer's state
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        run()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    before = _resident('VmRSS')
    Path('/proc/self/clear_refs').write_text('5')  # the largest counts from now on
    run()
    run()
    return _resident('VmHWM') - before


def _resident(entry: str) -> float:
    status = Path('/proc/self/status').read_text()
    return next(int(x.split()[1]) / 1024 for x in status.splitlines() if x.startswith(entry))


def _operations(args: argparse.Namespace, network: str) -> str:
    """Multiply-adds of a pair, as tools/analysis_tools/get_flops.py counts them."""
    cpu = torch.device('cpu')
    models = build_model(NETWORKS[network][args.quick], cpu), build_peer(cpu)
    ours, peer = (f'{count_multiply_adds(model, 256, 256) / 1e9:.4g} G' for model in models)
    return f'{ours} multiply-adds for a 256x256 pair as trained; {PEER}: {peer}'


def _machine(args: argparse.Namespace) -> str:
    """What the figures depend on beside the code."""
    cpuinfo = Path('/proc/cpuinfo')
    text = cpuinfo.read_text() if cpuinfo.is_file() else ''
    models = [line.split(':', 1)[1].strip() for line in text.splitlines() if 'model name' in line]
    flags = [flag for flag in ('avx512f', 'avx512_bf16', 'amx_bf16') if flag in text.split()]
    gpu = f'{torch.cuda.get_device_name()}; ' if args.device == 'cuda' else ''
    kept = 'kept' if args.keep_memory else 'not kept'
    return (
        f'{gpu}{models[0] if models else "processor not known"}, {len(models)} cores, '
        f'{torch.get_num_threads()} threads, {" ".join(flags) or "no AVX-512"}; PyTorch '
        f'{torch.__version__}; memory {kept}'
    )


def print_profile(args: argparse.Namespace) -> None:
    """The operators in which most time is spent."""
    case = _sized(args, CASES[0])
    with tempfile.TemporaryDirectory() as folder:
        for variant in (PLAIN, 'optimised float32', 'optimised bfloat16'):
            run = prepare(variant, _model(args, args.profile), case, Path(folder))
            run()
            with profile() as profiler:
                run()
            table = profiler.key_averages().table(
                sort_by='self_cpu_time_total', row_limit=15, max_name_column_width=40
            )
            print(f'{args.profile} {case.name} {variant}\n{table}', flush=True)


if __name__ == '__main__':
    run_tool(main)
