"""Checkpoints of a run: which one it goes on from, and which are removed when."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcd.errors import CheckpointError, ConfigError
from mmcd.io.atomic import check_writable, sweep_partial
from mmcd.io.checkpoints import read_checkpoint
from mmcd.registry import HOOKS

POINTER = 'last_checkpoint'
SUPERSEDED = 'superseded_checkpoints'
MOST_SHOWN = 200  # characters of what a damaged pointer names
PATTERNS = ('iter_*.pth', 'epoch_*.pth')


@HOOKS.register_module()
class DurableCheckpointHook(CheckpointHook):
    """MMEngine's CheckpointHook, which removes a checkpoint only once its replacement is written.

    At any moment a run that is killed leaves a checkpoint to go on from and, once there was one, a
    best one; a resumed run removes what the killed one no longer could.

    Args:
        **kwargs: see :class:`mmengine.hooks.CheckpointHook`.

    Raises:
        ConfigError: `save_best` names a figure that the validation does not give.
        FileWriteError: nothing can be written to the folder of the checkpoints.
    """

    file_backend: Any
    out_dir: Any
    last_ckpt: str | None
    best_ckpt_path: str | None

    def before_train(self, runner: Runner) -> None:
        hub = runner.message_hub
        super().before_train(runner)
        self.file_backend = _LateRemoval(self.file_backend, runner)
        if '://' in str(self.out_dir):
            return
        folder = Path(str(self.out_dir))
        if is_main_process():
            check_writable(folder / POINTER)
            sweep_partial(folder)
        if self.last_ckpt is None and 'last_ckpt' in hub.runtime_info:
            # So that a best checkpoint found before the next regular one is noted in the last one.
            self.last_ckpt = hub.get_info('last_ckpt')
        if getattr(self, 'best_ckpt_path', None):  # the work dir may have been moved
            here = folder / Path(str(self.best_ckpt_path)).name
            self.best_ckpt_path = str(here) if here.is_file() else self.best_ckpt_path
        kept = {os.path.basename(str(v)) for k, v in hub.runtime_info.items() if '_ckpt' in k}
        for name in map(os.path.basename, hub.runtime_info.get(SUPERSEDED, ())):
            if is_main_process() and name not in kept:
                (folder / name).unlink(missing_ok=True)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self.file_backend.remove_now()

    def _save_best_checkpoint(self, runner: Runner, metrics: dict) -> None:
        unknown = [key for key in self.save_best or () if key != 'auto' and key not in metrics]
        if unknown:
            raise ConfigError(
                f'default_hooks.checkpoint.save_best={", ".join(unknown)}: the validation gives '
                f'{", ".join(metrics)}.'
            )
        super()._save_best_checkpoint(runner, metrics)
        self.file_backend.remove_now()


class _LateRemoval:
    """A file backend that removes files when it is told to, and until then notes them in the run.

    Args:
        backend: MMEngine's; everything else is asked of it.
        runner: its message hub, which is in each checkpoint, takes the names.
    """

    def __init__(self, backend: Any, runner: Runner) -> None:
        self._backend = backend
        self._hub = runner.message_hub
        self._names: list[str] = []

    def remove(self, path: str) -> None:
        self._names.append(path)
        self._hub.update_info(SUPERSEDED, list(self._names))

    def remove_now(self) -> None:
        for name in self._names:
            if self._backend.isfile(name):
                self._backend.remove(name)
        self._names.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def use_durable_checkpoints(cfg: Config) -> None:
    """Replace MMEngine's CheckpointHook in a config; a subclass of the user's own stays."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint')
    if hook and hook.get('type') in ('CheckpointHook', 'mmengine.CheckpointHook', CheckpointHook):
        hook['type'] = f'mmcd.{DurableCheckpointHook.__name__}'


def find_last_whole(work_dir: str | Path, *, trusted: bool = False) -> Path | None:
    """The last checkpoint of a run that can be read, or None where there is none at all.

    The one that ``last_checkpoint`` names comes first, then those beside it from the newest on;
    each that is damaged or was cut short is warned of.

    Args:
        work_dir: the run's folder.
        trusted: see :func:`mmcd.io.checkpoints.read_checkpoint`.

    Raises:
        CheckpointError: there are checkpoints, and none of them can be read.
    """
    pointer = Path(work_dir) / POINTER
    named = pointer.read_text(errors='replace').strip() if pointer.is_file() else ''
    first = _locate(named, Path(work_dir))
    folder = first.parent if first else Path(work_dir)
    found = [path for pattern in PATTERNS for path in folder.glob(pattern)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    faults = []
    if pointer.is_file() and first is None:
        shown = named if len(named) <= MOST_SHOWN else f'{named[:MOST_SHOWN]}...'
        faults.append(f'{pointer} names {shown or "nothing"}, which is not there.')
    if not pointer.is_file():
        return None
    for path in [*([first] if first else []), *(path for path in found if path != first)]:
        try:
            read_checkpoint(path, trusted=trusted)
        except CheckpointError as error:
            faults.append(str(error))
            continue
        for fault in faults:
            print_log(
                f'{fault} The run goes on from {path} instead.',
                logger='current',
                level=logging.WARNING,
            )
        return path
    raise CheckpointError(
        f'No checkpoint in {folder} can be read, so that the run cannot go on:\n'
        + '\n'.join(f'  {fault}' for fault in faults)
        + '\nWithout --resume it starts anew.'
    )


def _locate(named: str, work_dir: Path) -> Path | None:
    """The file that a pointer names; beside the pointer where the work dir has been moved."""
    if not named or '://' in named:
        return None
    for path in (Path(named), work_dir / Path(named).name):
        if os.path.isfile(path):  # Path.is_file fails on a name that is too long
            return path
    return None
