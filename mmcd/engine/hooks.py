"""Hooks that watch over a run: its loss, its labels, its checkpoints, its end."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor

from mmcd.errors import NonFiniteLossError
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.atomic import write_whole
from mmcd.io.checkpoint_meta import note
from mmcd.registry import HOOKS
from mmcd.structures.change_classes import IGNORED, UNCHANGED


@HOOKS.register_module()
class NonFiniteLossHook(Hook):
    """Stop training where the loss is NaN or infinite, and name the batch.

    The check costs nothing: MMEngine reads the loss for its log at each iteration anyway. The last
    checkpoint was written before, and is whole.

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
        if math.isfinite(loss):
            return
        samples = (data_batch or {}).get('data_samples', [])
        files = [sample.get('before_path', 'unknown file') for sample in samples]
        raise NonFiniteLossError(
            f'The loss is {loss} at iteration {runner.iter + 1} ({losses}). The batch:\n'
            + '\n'.join(f'  {file}' for file in files)
            + '\nLook at these files first; then try a lower learning rate, or train without '
            '--amp. Checkpoints written before are whole: go on from them with --resume.'
        )


def _number(value: float | Tensor) -> float:
    return value.item() if isinstance(value, Tensor) else value


@HOOKS.register_module()
class EmptyLabelWarningHook(Hook):
    """Warn where the first batches of a split hold no changed pixel at all.

    Labels read under a wrong encoding look like that, and a model trained on them finds nothing.

    Args:
        num_batches: how many batches of each split to look at, once in a run.
    """

    def __init__(self, *, num_batches: int = 50) -> None:
        self.num_batches = num_batches
        self._batches: dict[str, int] = {}
        self._images: dict[str, int] = {}
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
        if any(bool(((label != UNCHANGED) & (label != IGNORED)).any()) for label in labels):
            self._settled.add(mode)
        elif self._batches[mode] >= self.num_batches or self._is_last(runner, batch_idx, mode):
            self._settled.add(mode)
            if self._images[mode]:  # none where the pairs come without labels
                self._warn(mode, samples)

    def _is_last(self, runner: Runner, batch_idx: int, mode: str) -> bool:
        loop = getattr(runner, f'{mode}_loop')
        if mode == 'train':
            return runner.iter + 1 >= loop.max_iters
        return batch_idx + 1 >= len(loop.dataloader)

    def _warn(self, mode: str, samples: list) -> None:
        example = samples[-1].get('seg_map_path', '') if samples else ''
        print_log(
            f'The first {self._images[mode]} images of the {mode} split hold no changed pixel at '
            f'all (the last label: {example}). Are the labels read under the right encoding? '
            'Look at `label_encoding` in the config and at data/README.md.',
            logger='current',
            level=logging.WARNING,
        )


@HOOKS.register_module()
class PlainCheckpointHook(Hook):
    """Write checkpoints of tensors and plain values only.

    MMEngine adds the smoothed log values as objects of its own, and NumPy numbers such as the time
    that is left. PyTorch's safe loading (``weights_only=True``, the default since 2.6) refuses
    both, so that a run could not be resumed with it. The former serve the log's running means only,
    and are left out; the latter become Python's numbers.

    Also notes in the checkpoint what it takes to open it without a config file
    (:mod:`mmcd.io.checkpoint_meta`).
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        note(checkpoint, **checkpoint_facts(runner.cfg))
        hub = checkpoint.get('message_hub')
        if hub:
            info = {key: _plain(value) for key, value in hub.get('runtime_info', {}).items()}
            checkpoint['message_hub'] = {**hub, 'log_scalars': {}, 'runtime_info': info}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


MARKER = 'finished'


def is_finished(cfg: Config) -> bool:
    """Whether a run in this work dir has trained for as many iterations as the config asks for."""
    marker = Path(cfg.work_dir) / MARKER
    asked = cfg.train_cfg.get('max_iters')
    return asked is not None and marker.is_file() and int(marker.read_text()) >= asked


@HOOKS.register_module()
class RunCompletionHook(Hook):
    """Leave a file ``finished`` in the work dir once a run is through, its last validation too.

    The last checkpoint does not tell: it is written before the last validation, which decides
    about the best one. A run that was stopped between the two and is resumed makes up for it here.
    """

    def before_train(self, runner: Runner) -> None:
        self._remove(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Not in ``before_train``, where other hooks may not be ready yet."""
        if runner.iter >= runner.max_iters and runner.val_loop is not None:
            runner.val_loop.run()

    @master_only
    def after_train(self, runner: Runner) -> None:
        write_whole(Path(runner.work_dir) / MARKER, str(runner.iter))

    @master_only
    def _remove(self, runner: Runner) -> None:
        (Path(runner.work_dir) / MARKER).unlink(missing_ok=True)
