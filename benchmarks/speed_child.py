"""What one process of `speed.py` does: it times, or takes the memory, exports or profiles."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks import speed_inference, speed_training
from benchmarks.counting import count_flops
from benchmarks.measuring import (
    Timing,
    Work,
    memory_of,
    peak_works,
    seconds_of,
    settings_of,
    time_in_turns,
)
from benchmarks.speed_cases import PLAIN, Job, Variant
from benchmarks.speed_inference import Answer, Prepared
from benchmarks.speed_models import build_model
from mmcd.errors import ConfigError, MissingExtraError

PACKAGES = ('onnxruntime', 'openvino')
TOP = 15


def run_job(job: Job) -> dict[str, Any]:
    """Do a job; whatever fails in one variant is that variant's line alone.

    Returns:
        ``settings`` and, by the kind of job, ``lines`` and ``peaks``, ``onnx`` and ``seconds``, or
        ``profiles``.
    """
    if job.threads:
        torch.set_num_threads(job.threads)
    device = torch.device(job.device)
    if device.type == 'cuda' and not torch.cuda.is_available():
        raise ConfigError('PyTorch finds no GPU: use --device cpu.')
    kinds = dict(time=_time, memory=_memory, export=_export, profile=_profile)
    found = kinds[job.kind](job, device)
    return {'settings': {**settings_of(device), 'packages': _packages()}, **found}


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _say(job: Job, text: str) -> None:
    print(f'  {job.network} {job.case.name} {job.allocator}: {text}', file=sys.stderr, flush=True)


def _prepare(job: Job, variant: Variant, model: nn.Module, device: torch.device) -> Prepared:
    if job.case.training:
        return speed_training.prepare(variant, model, job.case, device)
    return speed_inference.prepare(variant, model, job.case, device, job.onnx)


def _reason(error: Exception) -> dict[str, str]:
    """A line of a variant that can't be measured."""
    text = f'{type(error).__name__}: {str(error).strip() or "no message"}'.splitlines()[0]
    if isinstance(error, (ConfigError, MissingExtraError, ModuleNotFoundError)):
        return dict(status='skipped', reason=text)
    traceback.print_exc()
    return dict(status='failed', reason=text)


def _time(job: Job, device: torch.device) -> dict[str, Any]:
    model = build_model(job.config, device)
    runs, lines, answers = {}, {}, {}
    for variant in job.variants:
        _say(job, f'preparing {variant.name} {variant.precision}')
        try:
            prepared = _prepare(job, variant, model, device)
            answers[variant], lines[variant] = _first_run(prepared, device)
            runs[variant] = prepared.run
        except Exception as error:
            lines[variant] = _reason(error)
    compare = speed_training.compare if job.case.training else _compare_answers
    if PLAIN in answers:
        for variant, answer in answers.items():
            lines[variant].update(compare(answer, answers[PLAIN]))
    peaks = _peaks(runs, device, small=job.small_peak)
    timings = time_in_turns(
        {**runs, **{key: work.run for key, work in peaks.items()}},
        rounds=job.rounds,
        turn_seconds=job.turn_seconds,
        device=device,
        say=lambda text: _say(job, text),
    )
    rates = _rates(peaks, timings)
    for variant in runs:
        lines[variant].update(_figures(variant, timings, lines[variant]['flops'], rates))
    return dict(lines=[_named(v, line) for v, line in lines.items()], peaks=rates)


def _named(variant: Variant, line: dict[str, Any]) -> dict[str, Any]:
    return dict(variant=variant.name, precision=variant.precision, **line)


def _compare_answers(output: Any, plain: Any) -> dict[str, Any]:
    return speed_inference.compare(Answer.of(output), Answer.of(plain))


def _first_run(prepared: Prepared, device: torch.device) -> tuple[Any, dict[str, Any]]:
    """The answer, and what is known of a variant before it is timed."""
    line: dict[str, Any] = dict(
        status='measured', note=prepared.note, compile_seconds=None, flops=None, uncounted=[]
    )
    output = None
    if prepared.uncompiled is not None:
        output, line['flops'], line['uncounted'] = count_flops(prepared.uncompiled)
    if prepared.uncompiled is not prepared.run:
        outputs = []
        line['compile_seconds'] = seconds_of(lambda: outputs.append(prepared.run()), device)
        (output,) = outputs
    # Compiled networks may write their next answer over this one.
    return _kept(output), line


def _kept(output: Any) -> Any:
    if isinstance(output, (tuple, list)):
        output = output[-1]
    return output.copy() if not isinstance(output, torch.Tensor) else output.detach().clone()


def _peaks(
    variants: dict[Variant, Any], device: torch.device, *, small: bool
) -> dict[tuple[str, str], Work]:
    precisions = dict.fromkeys(variant.precision for variant in variants)
    return {
        (precision, name): work
        for precision in precisions
        for name, work in peak_works(getattr(torch, precision), device, small=small).items()
    }


def _rates(
    works: dict[tuple[str, str], Work], timings: dict[Any, Timing]
) -> dict[str, dict[str, float]]:
    """Operations a second by precision: of each work, and of the best as 'peak'."""
    rates: dict[str, dict[str, float]] = {}
    for (precision, name), work in works.items():
        rate = work.flops / timings[precision, name].median
        rates.setdefault(precision, {})[name] = rate
    for found in rates.values():
        found['peak'] = max(found.values())
    return rates


def _figures(
    variant: Variant,
    timings: dict[Any, Timing],
    flops: int | None,
    rates: dict[str, dict[str, float]],
) -> dict[str, Any]:
    timing = timings[variant]
    peak = rates[variant.precision]['peak']
    return dict(
        median_seconds=timing.median,
        min_seconds=min(timing.rounds),
        rounds_seconds=list(timing.rounds),
        repeats=timing.repeats,
        ratio=timings[PLAIN].median / timing.median if PLAIN in timings else None,
        peak=peak,
        share_of_peak=flops / timing.median / peak if flops else None,
    )


def _memory(job: Job, device: torch.device) -> dict[str, Any]:
    (variant,) = job.variants
    model = build_model(job.config, device)
    try:
        prepared = _prepare(job, variant, model, device)
        del model  # a variant that runs it has kept it
        line = memory_of(lambda: _run_twice(prepared.run), device)
    except Exception as error:
        line = _reason(error)
    return dict(lines=[_named(variant, line)])


def _run_twice(run: Callable[[], Any]) -> None:
    """The first makes what later ones find: an optimizer's state, packed weights."""
    for _ in range(2):
        run()


def _export(job: Job, device: torch.device) -> dict[str, Any]:
    from mmcd.export.onnx_export import export_onnx

    model = build_model(job.config, torch.device('cpu'))
    seconds = seconds_of(lambda: export_onnx(model, Path(str(job.onnx))), device)
    return dict(onnx=job.onnx, seconds=seconds)


def _profile(job: Job, device: torch.device) -> dict[str, Any]:
    model = build_model(job.config, device)
    profiles = []
    for variant in job.variants:
        _say(job, f'profiling {variant.name} {variant.precision}')
        try:
            run = _prepare(job, variant, model, device).run
            found = dict(status='measured', rows=list(_top_operators(run, device)))
        except Exception as error:
            found = _reason(error)
        profiles.append(_named(variant, found))
    return dict(profiles=profiles)


def _top_operators(run: Callable[[], Any], device: torch.device) -> Iterator[dict[str, Any]]:
    """The operators in which most time is spent themselves."""
    from torch.profiler import ProfilerActivity, profile

    activities = [ProfilerActivity.CPU]
    if device.type == 'cuda':
        activities.append(ProfilerActivity.CUDA)
    run()
    with profile(activities=activities) as profiler:
        seconds_of(run, device)
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events) or 1
    for event in sorted(events, key=lambda event: -event.self_cpu_time_total)[:TOP]:
        yield dict(
            operator=event.key,
            calls=event.count,
            milliseconds=event.self_cpu_time_total / 1000,
            share=event.self_cpu_time_total / total,
        )
