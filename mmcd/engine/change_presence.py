"""Warning where a split seems to hold no change."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcd.registry import HOOKS
from mmcd.structures.change_classes import IGNORED, UNCHANGED


@HOOKS.register_module()
class WarnWithoutChange(Hook):
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
