"""Training and testing one run of a suite, in processes of their own, to one result file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmcd.config import load_config
from mmcd.engine.hooks import is_finished
from mmcd.engine.launch import add_hook
from mmcd.engine.protocol import hash_config, hash_start
from mmcd.errors import ConfigError, ResultError, SuiteError
from mmcd.evaluation.record import read_record, write_record
from mmcd.io.atomic import write_whole
from mmcd.models.operations import count_multiply_adds, count_parameters
from mmcd.registry import MODELS
from mmcd.suites.processes import Processes
from mmcd.suites.suite import BEST, SuiteRun
from mmcd.weights import find_model_file

GPUS = 'CUDA_VISIBLE_DEVICES'
COUNTED_SIZE = 256  # height and width of the pair whose multiply-adds are counted


@dataclass(frozen=True)
class Place:
    """Where a suite runs.

    Args:
        work_dir: holds checkpoints and logs, a folder a row and seed.
        results: the result files go here, which stay.
        data_roots: folders of data sets by what the configs state as ``data_root``.
        threads: that a process computes with; None: as PyTorch chooses.
        amp: train in mixed precision, see ``tools/train.py --amp``; the test is in float32.
    """

    work_dir: Path
    results: Path
    data_roots: Mapping[str, str]
    threads: int | None = None
    amp: bool = False

    def folder(self, run: SuiteRun) -> Path:
        """The work dir of a run."""
        return self.work_dir / run.name / f'seed{run.seed}'

    def result(self, run: SuiteRun) -> Path:
        """The result file of a run."""
        return self.results / f'{run.label}.json'


def visible_gpus(count: int) -> list[str]:
    """The first GPUs that this process may use, each as ``CUDA_VISIBLE_DEVICES`` names it.

    Args:
        count: how many.

    Raises:
        ConfigError: there are fewer.
    """
    stated = os.environ.get(GPUS)
    if stated is None:
        found = [str(number) for number in range(torch.cuda.device_count())] if count else []
        where = 'this machine has'
    else:
        names = (name.strip() for name in stated.split(','))
        # CUDA takes what stands before the first entry that is no GPU.
        found = list(takewhile(lambda name: name not in ('', '-1'), names))
        where = f'{GPUS}={stated} names'
    if len(found) < count:
        raise ConfigError(
            f'--gpus {count} asks for more GPUs than there are: {where} {len(found)}.'
        )
    return found[:count]


def stated_data_root(run: SuiteRun) -> str:
    """The folder of the data as a run states it, wherever it lies.

    Raises:
        ConfigError: its config can't be read, or an option is none of its settings.
    """
    return str(load_config(run.config, dict(run.options)).get('data_root'))


def check_data_roots(runs: Iterable[SuiteRun], data_roots: Mapping[str, str]) -> None:
    """Refuse folders for data that no run states, which would be passed over.

    Raises:
        ConfigError: names those, and what the runs state; or a run's config can't be read.
    """
    if not data_roots:
        return
    stated = {stated_data_root(run) for run in {run.name: run for run in runs}.values()}
    if unknown := sorted(data_roots.keys() - stated):
        raise ConfigError(
            f'--data-root: no run of the suite states {", ".join(unknown)}; they state '
            f'{", ".join(sorted(stated))}.'
        )


def resolve(run: SuiteRun, place: Place) -> Config:
    """The config of a run, with its seed, its options and where its data lie.

    Raises:
        ConfigError: it can't be read, or an option is none of its settings.
    """
    options = dict(run.options)
    stated = stated_data_root(run)
    if stated in place.data_roots:
        options['data_root'] = place.data_roots[stated]
    cfg = load_config(run.config, {**options, 'randomness.seed': run.seed})
    cfg.work_dir = str(place.folder(run))
    if not any(hook.type == 'RunCompletionHook' for hook in cfg.get('custom_hooks', [])):
        add_hook(cfg, dict(type='RunCompletionHook'))
    return cfg


def is_done(run: SuiteRun, place: Place) -> bool:
    """Whether the result of a run is there.

    Raises:
        ResultError: it is there, but of another config than the run's is today.
    """
    path = place.result(run)
    if not path.is_file():
        return False
    stated, cfg = read_record(path)['run'], resolve(run, place)
    start = None if run.weights else hash_start(cfg)
    differing = [
        what
        for what, then, now in (
            ('config', stated['config_sha256'], hash_config(cfg)),
            # Older results do not have it.
            ('load_from or hooks', stated.get('start_sha256', start), start),
            ('options', stated['options'], json.loads(json.dumps(dict(run.options), default=str))),
            # Of a training, which checkpoint; else the weights.
            ('checkpoint', stated['checkpoint'].partition(': ')[0], run.weights or run.checkpoint),
        )
        if then != now
    ]
    if differing:
        raise ResultError(
            f'{path} is the result of another {" and ".join(differing)} than the row of '
            f'{run.config} has today. Remove the file (and {place.folder(run)}) to run it again, '
            'or give the changed row a new name.'
        )
    return True


def execute(
    run: SuiteRun, place: Place, *, gpu: str | None = None, processes: Processes | None = None
) -> dict[str, Any]:
    """Train where that is not done, test, and write the result file.

    Where validation chose the checkpoint, it chooses a threshold, too, and the test is made at
    one half and at that one.

    Args:
        run: of the suite.
        place: where it runs.
        gpu: the GPU that its processes see, as :func:`visible_gpus` names it; None: all.
        processes: that run it; those of a suite are asked to end together.

    Raises:
        StoppedBySignalError: the processes have been asked to end.
        SuiteError: the training or the test ended with an error, its log says which; or the
            training was begun in another precision or with another config, or counts epochs.
    """
    folder = place.folder(run)
    folder.mkdir(parents=True, exist_ok=True)
    cfg = resolve(run, place)
    if run.weights is None and cfg.train_cfg.get('max_iters') is None:
        raise SuiteError(
            f'{run.label}: suites train by iterations, but train_cfg of {run.config} states none. '
            "Write train_cfg = dict(type='IterBasedTrainLoop', max_iters=N, val_interval=M)."
        )
    call = partial(_call, folder, place, gpu, processes or Processes())
    config = folder / f'{run.name}.py'
    cfg.dump(str(config))
    if run.weights is None:
        _note_beginning(folder, cfg, amp=place.amp)
    if run.weights is None and not is_finished(cfg):
        arguments = [str(config), '--work-dir', str(folder), '--resume']
        call('train', [*arguments, *['--amp'] * place.amp])
    checkpoint = find_checkpoint(run, place)

    def test(checkpoint: Path, name: str) -> dict[str, Any]:
        raw = folder / name
        arguments = [str(config), str(checkpoint), '--result', str(raw)]
        call('test', [*arguments, '--work-dir', str(folder / 'test')])
        return read_record(raw)

    record = finish_record(run, cfg, test(checkpoint, 'test.json'), checkpoint, place)
    if run.is_chosen and cfg.model.get('threshold') is None:
        tuned = folder / 'tuned.pth'
        arguments = [str(config), str(checkpoint), '--out', str(tuned)]
        call('tune', [*arguments, '--work-dir', str(folder / 'tune')])
        record['run']['tuned'] = _tuned_figures(test(tuned, 'test_tuned.json'))
    place.results.mkdir(parents=True, exist_ok=True)
    write_record(place.result(run), record)
    return record


def _tuned_figures(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a test at the validation's threshold found, beside that at one half."""
    tuning = record['protocol']['threshold_tuning']
    figures = {key: record['metrics'][key] for key in ('f1', 'precision', 'recall')}
    return dict(threshold=tuning['value'], validation_f1=tuning['score'], **figures)


def _note_beginning(folder: Path, cfg: Config, *, amp: bool) -> None:
    """Note how a training is begun, since its result says so.

    Raises:
        SuiteError: it was begun in another way: in another precision, or with another config.
    """
    note = folder / 'training.json'
    today = dict(amp=amp, config_sha256=hash_config(cfg), start_sha256=hash_start(cfg))
    if note.is_file():
        begun = json.loads(note.read_text(encoding='utf-8'))
        if begun['amp'] != amp:
            raise SuiteError(
                f'The training in {folder} was begun {"without" if amp else "with"} --amp. '
                'Continue in the same way, or remove the folder to start over.'
            )
        # Older notes do not have the start.
        if {'start_sha256': today['start_sha256'], **begun} != today:
            raise SuiteError(
                f'The training in {folder} was begun with another config than the row has today. '
                'Remove the folder to begin anew, or name another with --work-dir.'
            )
    write_whole(note, json.dumps(today) + '\n')


def find_checkpoint(run: SuiteRun, place: Place) -> Path:
    """The file that is tested.

    Raises:
        SuiteError: it is not there, or of a training that is not finished.
        CheckpointError: it is a network that this installation of mmcd does not hold.
    """
    if run.weights is not None and run.source is None:
        file = find_model_file(run.weights)
        if not file.is_file():
            raise SuiteError(f'{run.label}: no such file of weights: {file} (from {Path.cwd()}).')
        return file
    if run.source is not None:
        row, seed, which = run.source
        folder = place.work_dir / row / seed
    else:
        folder, which = place.folder(run), run.checkpoint
    found = _checkpoints(folder, which)
    if not found:
        raise SuiteError(
            f'{run.label}: no checkpoint in {folder}. Run the row that trains it first.'
        )
    if run.source is not None and not _is_trained(folder):
        raise SuiteError(
            f'{run.label}: the training in {folder} is not finished. Let it finish first.'
        )
    return found[-1]


def _is_trained(folder: Path) -> bool:
    """Whether the training of a run is finished."""
    config = folder / f'{folder.parent.name}.py'
    if not config.is_file():
        return False
    cfg = Config.fromfile(str(config))
    cfg.work_dir = str(folder)
    return is_finished(cfg)


def finish_record(
    run: SuiteRun, cfg: Config, record: dict[str, Any], checkpoint: Path, place: Place
) -> dict[str, Any]:
    """The record of a test with what the run was, and without this machine's paths."""
    init_default_scope(cfg.get('default_scope', 'mmcd'))
    model = MODELS.build(cfg.model)
    loop, loader = cfg.train_cfg, cfg.train_dataloader
    steps = loop.get('max_iters')
    facts = dict(
        name=run.name,
        benchmark=run.benchmark,
        title=run.title,
        config=Path(run.config).stem,
        seed=run.seed,
        options=dict(run.options),
        config_sha256=hash_config(cfg),
        start_sha256=None if run.weights else hash_start(cfg),
        checkpoint=f'{run.checkpoint}: {checkpoint.stem}' if run.weights is None else run.weights,
        parameters=count_parameters(model),
        multiply_adds=count_multiply_adds(model, COUNTED_SIZE, COUNTED_SIZE),
        steps=None if run.weights else steps,
        batch_size=None if run.weights else loader.batch_size,
        train_minutes=None if run.weights else train_minutes(place.folder(run)),
        threads=place.threads or torch.get_num_threads(),
        amp=None if run.weights else place.amp or bool(cfg.get('mixed_precision')),
    )
    protocol = dict(record['protocol'], config=facts['config'], checkpoint=checkpoint.name)
    protocol['data_root'] = stated_data_root(run)
    return dict(record, run=facts, protocol=protocol)


def train_minutes(folder: Path) -> float:
    """Minutes spent in training steps, over all parts of a run that was stopped and resumed."""
    steps: dict[int, float] = {}
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        lines = path.read_text(encoding='utf-8').splitlines()
        for line in [each for each in lines if each.endswith('}')]:  # the last may be cut short
            entry = json.loads(line)
            if 'iter' in entry and 'time' in entry and 'loss' in entry:
                steps[entry['iter']] = entry['time']
    seconds, last = 0.0, 0
    for step in sorted(steps):
        seconds += steps[step] * (step - last)  # an entry is the mean since the one before
        last = step
    return round(seconds / 60, 2)


def _checkpoints(folder: Path, which: str) -> list[Path]:
    if which == BEST:
        return sorted(folder.glob('best_*.pth'), key=lambda path: path.stat().st_mtime)
    pointer = folder / 'last_checkpoint'
    if not pointer.is_file():
        return []
    last = folder / Path(pointer.read_text(encoding='utf-8').strip()).name
    return [last] if last.is_file() else []


def _call(
    folder: Path,
    place: Place,
    gpu: str | None,
    processes: Processes,
    command: str,
    arguments: list[str],
) -> None:
    """Run a sub-command of mmcd in a process of its own; what it prints goes into a log."""
    environment = dict(os.environ)
    if place.threads is not None:
        environment['OMP_NUM_THREADS'] = str(place.threads)
    if gpu is not None:
        environment[GPUS] = gpu
    log = folder / f'{command}.log'
    program = [sys.executable, '-m', 'mmcd', command, *arguments]
    if status := processes.run(program, log=log, environment=environment):
        tail = log.read_text(encoding='utf-8', errors='replace').strip().splitlines()[-3:]
        raise SuiteError(
            f'mmcd {command} {" ".join(arguments)} ended with status {status}; {log} '
            f'ends with:\n' + '\n'.join(f'  {line}' for line in tail)
        )
