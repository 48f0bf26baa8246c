"""What the user is told when a run breaks off: one message that names the cause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from mmengine.dist import get_world_size

from mmcd.engine.graceful_stop import StopRequest
from mmcd.engine.peer_watch import CHECKPOINTS_ARE_WHOLE, PeerWatch
from mmcd.errors import (
    ConfigError,
    FirstStepError,
    MMCDError,
    PeerLostError,
    RunMemoryError,
    WorkerLostError,
)

WORKER = re.compile(r'DataLoader worker \(pid(?:\(s\))? ([\d, ]+)\) ([^.]*)')
# In what the back ends of torch.distributed say where another process has gone.
PEER = re.compile('gloo|nccl|Connection closed|Connection reset|Broken pipe|Socket', re.IGNORECASE)


class Remedies(NamedTuple):
    """What a user can do about a lack of memory: the GPU's, or that of loading processes."""

    gpu: str
    loading: str


TRAINING = Remedies(
    gpu='Take fewer pairs a step (--cfg-options train_dataloader.batch_size=N), smaller crops, '
    '--amp, or recompute activations (model.backbone.with_cp=True model.decode_head.with_cp=True).',
    loading='take fewer of them (--cfg-options train_dataloader.num_workers=N), or smaller batches',
)
TESTING = Remedies(
    gpu='Test fewer pairs at once (--cfg-options test_dataloader.batch_size=1), with --amp, or '
    'large images in windows (model.test_cfg.mode=slide model.test_cfg.crop_size="(512,512)" '
    'model.test_cfg.stride="(384,384)").',
    loading='take fewer of them (--cfg-options test_dataloader.num_workers=N), or smaller batches',
)
# On the validation split, with its loader's settings.
TUNING = Remedies(*(text.replace('test_dataloader', 'val_dataloader') for text in TESTING))
MAPPING = TESTING._replace(gpu='Take smaller tiles (--tile N), or --precision bfloat16.')


@contextmanager
def explained_failures(
    watch: PeerWatch | None = None, remedies: Remedies = TRAINING
) -> Iterator[None]:
    """Say in one message what the stack says in a stack trace.

    Args:
        watch: knows which process of the run does not answer, and what to do then.
        remedies: of the command that runs.

    Raises:
        WorkerLostError: a loading process has been killed.
        PeerLostError: another process of the run has ended.
        RunMemoryError: the device has no memory left.
    """
    advice = watch.advice if watch else CHECKPOINTS_ARE_WHOLE
    try:
        yield
    except MMCDError:
        raise
    except torch.OutOfMemoryError as error:
        raise RunMemoryError(
            f'The GPU has no memory left ({first_sentence(error)}). {remedies.gpu}'
        ) from error
    except RuntimeError as error:
        worker = WORKER.search(str(error))
        if worker:
            raise WorkerLostError(
                f'A loading process (process {worker[1]}) {worker[2].strip()}. Often the system '
                f'has ended it because memory ran out: {remedies.loading}. {advice}'
            ) from error
        if get_world_size() > 1 and PEER.search(str(error)):
            names = ' and '.join(watch.lost() if watch else []) or 'Another process of this run'
            raise PeerLostError(
                f'{names} has ended or lost its connection ({first_sentence(error)}). Its own '
                f'message says why, where it could still write one. {advice}'
            ) from error
        raise


@contextmanager
def explained_building() -> Iterator[None]:
    """Say what of a config can't be built, where its constructors raise what they like.

    Raises:
        ConfigError: names the constructor's own reason.
    """
    try:
        yield
    except MMCDError:
        raise
    except Exception as error:
        reason = ' '.join(str(error).split())[:600]
        raise ConfigError(
            f'The config cannot be built: {type(error).__name__}: {reason}. '
            '--debug shows where this comes from.'
        ) from error


@contextmanager
def explained_first_step(request: StopRequest) -> Iterator[None]:
    """Say that settings may not fit together where no iteration comes through at all.

    Raises:
        FirstStepError: names the reason.
    """
    try:
        yield
    except MMCDError:
        raise
    except Exception as error:
        if request.steps:
            raise
        reason = ' '.join(str(error).split())[:600]
        raise FirstStepError(
            f'The first iteration fails: {type(error).__name__}: {reason}. Do the settings fit '
            'together (crop size, batch size, channels, classes)? --debug shows where this comes '
            'from.'
        ) from error


def first_sentence(error: Exception) -> str:
    """The start of an error's text, without the addresses of the code that found it."""
    line = str(error).split('\n')[0]
    return re.sub(r'^\[[^\]]*\] ', '', line).split('. ')[0][:160]
