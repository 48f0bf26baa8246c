"""How benchmarks measure: time in turns, memory, and what the machine can do at the most."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

MOST_REPEATS = 50
# (N, channels in and out, H, W) of the convolutions of which the fastest counts.
CONVOLUTIONS = ((1, 64, 256, 256), (1, 128, 128, 128), (4, 256, 64, 64), (4, 512, 32, 32))
MATRIX = 2048
SMALL_CONVOLUTIONS = ((1, 32, 64, 64), (1, 64, 32, 32))
SMALL_MATRIX = 256
STATUS = Path('/proc/self/status')


@dataclass(frozen=True)
class Timing:
    """Seconds of one run in each round."""

    rounds: tuple[float, ...]
    repeats: int

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)


@dataclass(frozen=True)
class Work:
    """A run whose floating-point operations are known."""

    run: Callable[[], object]
    flops: int


def synchronize(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def seconds_of(run: Callable[[], object], device: torch.device, repeats: int = 1) -> float:
    """Seconds of one run, over so many without a pause."""
    synchronize(device)
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    synchronize(device)
    return (time.perf_counter() - start) / repeats


def time_in_turns(
    runs: Mapping[Hashable, Callable[[], object]],
    *,
    rounds: int,
    turn_seconds: float,
    device: torch.device,
    say: Callable[[str], object],
) -> dict[Hashable, Timing]:
    """Time several runs in turns, so that what else the machine does falls on all alike.

    Args:
        runs: what to run, by name; each must have run once before, as a warm-up.
        rounds: how often each has its turn. Every round starts with another one, so that none is
            always the neighbour of the same.
        turn_seconds: a turn repeats a short run until it is about this long.
        device: where they run.
        say: takes a line of progress.
    """
    names = list(runs)
    repeats = {}
    for name, run in runs.items():
        once = seconds_of(run, device)
        repeats[name] = min(max(round(turn_seconds / max(once, 1e-6)), 1), MOST_REPEATS)
    seconds: dict[Hashable, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % max(len(names), 1)
        for name in names[first:] + names[:first]:
            seconds[name].append(seconds_of(runs[name], device, repeats[name]))
        say(f'round {number + 1} of {rounds}')
    return {name: Timing(tuple(seconds[name]), repeats[name]) for name in names}


def peak_works(dtype: torch.dtype, device: torch.device, *, small: bool) -> dict[str, Work]:
    """What the peak is measured by: 3x3 convolutions, channels last, and a matrix product."""
    works = {}
    for shape in SMALL_CONVOLUTIONS if small else CONVOLUTIONS:
        name = f'convolution {"x".join(map(str, shape))}'
        works[name] = _convolution(*shape, dtype, device)
    size = SMALL_MATRIX if small else MATRIX
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    product = Work(lambda: torch.mm(left, right, out=out), 2 * size**3)
    return {**works, f'matrix product {size}': product}


def _convolution(
    num: int, channels: int, height: int, width: int, dtype: torch.dtype, device: torch.device
) -> Work:
    layout = dict(dtype=dtype, memory_format=torch.channels_last)
    x = torch.randn(num, channels, height, width, device=device).to(**layout)
    weight = torch.randn(channels, channels, 3, 3, device=device).to(**layout)
    flops = 2 * num * height * width * channels**2 * 9
    return Work(lambda: F.conv2d(x, weight, padding=1), flops)


def resident_bytes(entry: str = 'VmRSS') -> int:
    """The process's resident memory; with ``VmHWM``, the largest so far."""
    if STATUS.is_file():
        for line in STATUS.read_text().splitlines():
            if line.startswith(f'{entry}:'):
                return int(line.split()[1]) * 1024
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest if sys.platform == 'darwin' else largest * 1024


def forget_largest() -> None:
    """Let the largest resident memory count from now on, where the system can.

    What was freed is given back before, else it would hide as much of what is taken next.
    """
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # glibc's alone
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError):
        Path('/proc/self/clear_refs').write_text('5')


def memory_of(run: Callable[[], object], device: torch.device) -> dict[str, float]:
    """The largest memory during a run, in MB: in all, and above what was there before.

    On a GPU the memory is PyTorch's on it, else the process's.
    """
    if device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats(device)
        start = torch.cuda.memory_allocated(device)
        seconds_of(run, device)
        largest = torch.cuda.max_memory_allocated(device)
    else:
        forget_largest()
        start = resident_bytes()
        run()
        largest = resident_bytes('VmHWM')
    return dict(largest_mb=largest / 2**20, above_mb=(largest - start) / 2**20)


def settings_of(device: torch.device) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    cpuinfo = Path('/proc/cpuinfo')
    facts = dict(
        tuple(part.strip() for part in line.split(':', 1))
        for line in (cpuinfo.read_text().splitlines() if cpuinfo.is_file() else ())
        if ':' in line
    )
    flags = facts.get('flags', '').split()
    prefixes = ('MALLOC_', 'LD_PRELOAD', 'OMP_', 'KMP_', 'MKL_', 'ONEDNN_', 'DNNL_')
    return dict(
        device=torch.cuda.get_device_name(device) if device.type == 'cuda' else 'cpu',
        cpu=facts.get('model name', 'unknown'),
        cores=os.cpu_count(),
        threads=torch.get_num_threads(),
        amx_bf16='amx_bf16' in flags,
        avx512_bf16='avx512_bf16' in flags,
        torch=torch.__version__,
        python=sys.version.split()[0],
        environment={k: v for k, v in sorted(os.environ.items()) if k.startswith(prefixes)},
        load_average=os.getloadavg()[0] if hasattr(os, 'getloadavg') else None,
    )
