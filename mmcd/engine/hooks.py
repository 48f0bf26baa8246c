"""Hooks that watch over a run: its loss, its labels, its checkpoints, its end."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import HistoryBuffer, print_log
from mmengine.runner import Runner
from torch import Tensor

from mmcd.engine.agreement import largest_of_all
from mmcd.engine.peer_watch import CHECKPOINTS_ARE_WHOLE
from mmcd.engine.protocol import hash_trained
from mmcd.errors import ConfigError, NonFiniteLossError
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.atomic import write_whole
from mmcd.io.checkpoint_meta import note
from mmcd.io.checkpoints import hash_weights
from mmcd.registry import HOOKS
from mmcd.structures.change_classes import IGNORED, LIKELY_INVERTED, UNCHANGED

MOST_LOGGED = 10_000  # values of one name: the log smooths over some tens of them


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stop training where the loss is NaN or infinite, and name the batch.

    The check costs nothing: MMEngine reads the loss for its log at each iteration anyway. The last
    checkpoint was written before, and is whole. Of several processes all stop where one's loss is
    not finite: its gradients are in the weights of all of them.

    Raises:
        NonFiniteLossError: names the iteration, the loss and the files of the batch.
    """

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        losses = {key: _number(value) for key, value in (outputs or {}).items() if 'loss' in key}
        loss = losses.get('loss', 0.0)
        if not largest_of_all(not math.isfinite(loss)):
            return
        if math.isfinite(loss):
            raise NonFiniteLossError(
                f'The loss of another process is not finite at iteration {runner.iter + 1}; its '
                f'own message names the batch. {CHECKPOINTS_ARE_WHOLE}'
            )
        samples = (data_batch or {}).get('data_samples', [])
        files = [sample.get('before_path', 'unknown file') for sample in samples]
        raise NonFiniteLossError(
            f'The loss is {loss} at iteration {runner.iter + 1} ({losses}). The batch:\n'
            + '\n'.join(f'  {file}' for file in files)
            + '\nLook at these files first; then try a lower learning rate, or train without '
            f'--amp. {CHECKPOINTS_ARE_WHOLE}'
        )


def _number(value: float | Tensor) -> float:
    return value.item() if isinstance(value, Tensor) else value


@HOOKS.register_module()
class EmptyLabelWarningHook(Hook):
    """Warn where the first batches of a split hold no changed pixel at all, or mostly changed ones.

    Labels read under a wrong encoding look like that, and a model trained on them finds nothing, or
    takes the unchanged for changed.

    Args:
        num_batches: how many batches of each split to look at, once in a run.
    """

    def __init__(self, *, num_batches: int = 50) -> None:
        self.num_batches = num_batches
        self._batches: dict[str, int] = {}
        self._images: dict[str, int] = {}
        self._pixels: dict[str, np.ndarray] = {}  # changed ones, and all that count
        self._settled: set[str] = set()

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | dict | None = None,
        mode: str = 'train',
    ) -> None:
        if mode in self._settled:
            return
        # Test-time augmentation nests the batch's samples; the outputs are always one a pair.
        batch = (data_batch or {}).get('data_samples') if mode == 'train' else outputs
        samples = list(batch or ())
        labels = [sample.gt_sem_seg.data for sample in samples if 'gt_sem_seg' in sample]
        # Counted here: a resumed run's first batch index is where the stopped run ended.
        self._batches[mode] = self._batches.get(mode, 0) + 1
        self._images[mode] = self._images.get(mode, 0) + len(labels)
        pixels = self._pixels.setdefault(mode, np.zeros(2, np.int64))
        for label in labels:
            counted = label != IGNORED
            pixels += int((counted & (label != UNCHANGED)).sum()), int(counted.sum())
        if self._batches[mode] >= self.num_batches or self._is_last(runner, batch_idx, mode):
            self._settled.add(mode)
            self._look(mode, samples)

    def _is_last(self, runner: Runner, batch_idx: int, mode: str) -> bool:
        loop = getattr(runner, f'{mode}_loop')
        if mode == 'train':
            return runner.iter + 1 >= loop.max_iters
        return batch_idx + 1 >= len(loop.dataloader)

    def _look(self, mode: str, samples: list) -> None:
        """Warn where what was counted looks wrong."""
        changed, counted = self._pixels[mode]
        if not self._images[mode] or 0 < changed <= LIKELY_INVERTED * counted:
            return  # no image where the pairs come without labels
        example = samples[-1].get('seg_map_path', '') if samples else ''
        found = (
            f'are marked as changed on {changed / counted:.0%} of their pixels: inverted?'
            if changed
            else 'hold no changed pixel at all.'
        )
        print_log(
            f'The first {self._images[mode]} images of the {mode} split {found} Are the labels '
            f'(the last label: {example}) read under the right encoding? Look at '
            '`label_encoding` in the config and at data/README.md.',
            logger='current',
            level=logging.WARNING,
        )


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Write checkpoints of tensors and plain values only.

    MMEngine adds the log values that it smooths as objects of its own, and NumPy numbers such as
    the time that is left. PyTorch's safe loading (``weights_only=True``, the default since 2.6)
    refuses both, so that a run could not be resumed with it. The former become tensors, and objects
    again when they are loaded; the latter become Python's numbers. The weights get their hash
    beside them, by which a damaged file is known.

    Also notes in the checkpoint what it takes to open it without a config file
    (:mod:`mmcd.io.checkpoint_meta`).
    """

    priority = 'LOWEST'  # after EMAHook, which exchanges the weights that are saved

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        weights = checkpoint.get('state_dict')
        digest = None if weights is None else hash_weights(weights)
        note(checkpoint, weights_sha256=digest, **checkpoint_facts(runner.cfg))
        hub = checkpoint.get('message_hub')
        if hub:
            info = {key: _plain(value) for key, value in hub.get('runtime_info', {}).items()}
            scalars = {key: _as_tensors(v) for key, v in hub.get('log_scalars', {}).items()}
            checkpoint['message_hub'] = {**hub, 'log_scalars': scalars, 'runtime_info': info}

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if not hub:
            return
        scalars = {key: _as_history(v) for key, v in hub.get('log_scalars', {}).items()}
        # Checkpoints that earlier versions wrote have the names alone, of each of which MMEngine
        # would warn.
        known = {**scalars, **hub.get('runtime_info', {})}
        names = {key: v for key, v in hub.get('resumed_keys', {}).items() if key in known}
        checkpoint['message_hub'] = {**hub, 'log_scalars': scalars, 'resumed_keys': names}


def _as_tensors(history: Any) -> Any:
    """The log values of a name as (2, n): the values and how many each stands for."""
    if not isinstance(history, HistoryBuffer):
        return history
    return torch.tensor(np.stack([part[-MOST_LOGGED:] for part in history.data]).astype(np.float64))


def _as_history(values: Any) -> Any:
    return HistoryBuffer(*values.numpy()) if isinstance(values, Tensor) else values


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


MARKER = 'finished'


def is_finished(cfg: Config) -> bool:
    """Whether a run in this work dir has trained for as many iterations as the config asks for.

    Raises:
        ConfigError: it has, but another network than the config's, or on other data.
    """
    marker = Path(cfg.work_dir) / MARKER
    asked = cfg.train_cfg.get('max_iters')
    if asked is None or not marker.is_file():
        return False
    found = json.loads(marker.read_text())
    if isinstance(found, int):  # as earlier versions wrote it
        found = dict(iterations=found)
    if found['iterations'] < asked:
        return False
    trained = hash_trained(cfg)
    if found.get('trained_sha256', trained) != trained:
        raise ConfigError(
            f'The finished run in {cfg.work_dir} is of another network than the config has, or of '
            'other training data. Name another folder with --work-dir, or leave out --resume to '
            'start anew.'
        )
    return True


@HOOKS.register_module()
class RunCompletionHook(Hook):
    """Leave a file ``finished`` in the work dir once a run is through, its last validation too.

    The last checkpoint does not tell: it is written before the last validation, which decides
    about the best one.
    """

    def before_train(self, runner: Runner) -> None:
        self._remove(runner)

    @master_only
    def after_train(self, runner: Runner) -> None:
        # A training that early stopping has ended is through as well.
        ended = getattr(runner.train_loop, 'stop_training', False)
        done = max(runner.iter, runner.max_iters) if ended else runner.iter
        content = dict(iterations=done, trained_sha256=hash_trained(runner.cfg))
        write_whole(Path(runner.work_dir) / MARKER, json.dumps(content) + '\n')

    @master_only
    def _remove(self, runner: Runner) -> None:
        (Path(runner.work_dir) / MARKER).unlink(missing_ok=True)
