"""Ending a training when the system asks for it: a checkpoint first, then the end."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mmengine.dist import barrier, is_main_process
from mmengine.hooks import CheckpointHook, EMAHook, Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcd.engine.agreement import largest_of_all
from mmcd.errors import StoppedBySignalError

NAMES = ('SIGTERM', 'SIGHUP')
# Slurm sends it where a job asks for it (--signal=USR1@120), to be put into the queue again.
REQUEUE = 'SIGUSR1'


class StopRequest:
    """The signal that has asked a run to end, 0 where none has, and how far the run has come.

    Args:
        pass_on: called with the number of each such signal, when it comes.
    """

    def __init__(self, pass_on: Callable[[int], None] | None = None) -> None:
        self.signal = 0
        self.steps = 0  # done by this process
        self._pass_on = pass_on

    def receive(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        if self._pass_on is not None:
            self._pass_on(number)


@contextmanager
def stop_request(pass_on: Callable[[int], None] | None = None) -> Iterator[StopRequest]:
    """Take note of the signals that ask for an end, instead of ending at once.

    A signal that is ignored, as SIGHUP under ``nohup``, stays so.

    Args:
        pass_on: called with the number of each such signal, when it comes.
    """
    request = StopRequest(pass_on)
    names = [*NAMES, *([REQUEUE] if 'SLURM_JOB_ID' in os.environ else [])]
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    if threading.current_thread() is not threading.main_thread():  # Python allows it there only
        numbers = []
    kept = {n: signal.getsignal(n) for n in numbers if signal.getsignal(n) != signal.SIG_IGN}
    for number in kept:
        signal.signal(number, request.receive)
    try:
        yield request
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


class GracefulStopHook(Hook):
    """End the run after the iteration in which it was asked to, with a checkpoint of it.

    All processes of a run end after the same iteration, whichever of them was asked.

    Args:
        request: from :func:`stop_request`.

    Raises:
        StoppedBySignalError: the run has been asked to end.
    """

    priority = 'LOWEST'  # after the checkpoint that may be due anyway

    def __init__(self, request: StopRequest) -> None:
        self.request = request

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Have PyTorch notice that a loading process has ended between steps, and not in one."""
        if hasattr(signal, 'SIGCHLD') and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self.request.steps += 1
        asked = largest_of_all(self.request.signal)
        if asked:
            self.end(runner, asked, runner.iter + 1, agreed=True)

    def after_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Not agreed upon: the processes may have different numbers of batches here."""
        if self.request.signal and runner._train_loop is not None:
            _restore_trained_weights(runner)
            self.end(runner, self.request.signal, runner.iter)

    def end(self, runner: Runner, number: int, iteration: int, *, agreed: bool = False) -> None:
        """Write a checkpoint of the iterations done, and stop.

        Before the first there is none to write: a resumed run would not make up for the validation
        of what it starts from.

        Args:
            runner: of the run.
            number: of the signal.
            iteration: so many are done.
            agreed: all processes end here, and wait for the one that writes.

        Raises:
            StoppedBySignalError: always.
        """
        hooks = [hook for hook in runner.hooks if isinstance(hook, CheckpointHook)]
        for hook in [hook for hook in hooks if not hook.by_epoch and iteration][:1]:
            if os.path.basename(str(hook.last_ckpt)) != hook.filename_tmpl.format(iteration):
                meta = dict(epoch=runner.epoch, iter=iteration)
                hook._save_checkpoint_with_step(runner, iteration, meta=meta)
        name = signal.Signals(number).name
        if name == REQUEUE and is_main_process():
            requeue(os.environ['SLURM_JOB_ID'])
        if agreed:
            barrier()  # launchers end all processes once one has ended, also one that still writes
        raise StoppedBySignalError(
            f'Stopped by {name} after iteration {iteration}. '
            + _how_to_go_on(hooks[0].last_ckpt if hooks else None, iteration),
            number,
        )


def _restore_trained_weights(runner: Runner) -> None:
    """Put the weights that are trained back into the model, in the midst of a validation.

    EMAHook has put their average there, and gives both wrong names in a checkpoint written then.
    """
    for hook in runner.hooks:
        # MMPretrain's kind may validate the model itself, and validate again at the end.
        if isinstance(hook, EMAHook) and getattr(hook, 'evaluate_on_ema', True):
            EMAHook.after_val_epoch(hook, runner)


def _how_to_go_on(checkpoint: str | None, iteration: int) -> str:
    if not iteration:
        return 'Nothing was trained yet: the same command starts anew.'
    if checkpoint is None:
        return 'No checkpoint was written.'
    return f'The same command with --resume goes on from {checkpoint}.'


def requeue(job: str) -> None:
    """Put a Slurm job into the queue again."""
    try:
        subprocess.run(['scontrol', 'requeue', job], check=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        print_log(f'Slurm did not requeue the job {job}: {error}', 'current')
