"""The hook that notes what the training images looked like."""

from __future__ import annotations

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcd.io.checkpoint_meta import note, own_meta
from mmcd.registry import HOOKS
from mmcd.structures.image_spec import ImageSpec
from mmcd.structures.image_statistics import ImageStatistics

SUMS = 'statistics_sums'  # what the statistics are of, for a run that is resumed


@HOOKS.register_module()
class TrainingStatisticsHook(Hook):
    """Note the mean and the deviation of the training images in the checkpoints.

    They set the stretch of scenes and reveal those that look different. They are of the images
    as the network gets them, after the colour transforms, in the values of the files. Until a run
    has seen a batch, those of the checkpoint that it starts from hold; a resumed run counts on.

    Args:
        num_batches: how many batches are looked at, the first ones of each process.
    """

    def __init__(self, *, num_batches: int = 100) -> None:
        self.num_batches = num_batches
        self._batches = 0
        self._count = 0
        self._sum = self._squares = torch.zeros(0, dtype=torch.float64)
        self._loaded: dict | None = None

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        if self._batches >= self.num_batches or not data_batch:
            return
        self._batches += 1
        for pair in data_batch.get('inputs', ()):
            self._add(pair)

    def _add(self, pair: Tensor) -> None:
        """Count a pair, (2C, H, W) as the files have it."""
        bands = pair.shape[0] // 2
        values = pair.detach().reshape(2, bands, -1).double().cpu()  # (2, C, H * W)
        total, squares = values.sum(dim=(0, 2)), values.square().sum(dim=(0, 2))
        if not self._count:
            self._sum, self._squares = torch.zeros_like(total), torch.zeros_like(squares)
        self._sum = self._sum + total
        self._squares = self._squares + squares
        self._count += 2 * values.shape[2]

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not self._count:
            note(checkpoint, statistics=self._loaded)
            return
        mean = self._sum / self._count
        deviation = (self._squares / self._count - mean.square()).clamp(min=1e-6).sqrt()
        found = ImageStatistics(tuple(mean.tolist()), tuple(deviation.tolist()))
        note(checkpoint, statistics=found.to_dict(), **{SUMS: self._sums()})

    def _sums(self) -> dict:
        return dict(
            batches=self._batches,
            count=self._count,
            sum=self._sum.tolist(),
            squares=self._squares.tolist(),
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        noted = own_meta(checkpoint.get('meta'))
        found = ImageStatistics.from_dict(noted.get('statistics'))
        bands = ImageSpec.from_config(runner.cfg.get('image')).num_bands
        if found is not None and len(found.mean) == bands:  # else of a stem that is not loaded
            self._loaded = found.to_dict()
        sums = noted.get(SUMS)  # checkpoints that earlier versions wrote have none
        if sums and getattr(runner, '_resume', False):
            self._batches, self._count = sums['batches'], sums['count']
            self._sum, self._squares = (
                torch.tensor(sums[key], dtype=torch.float64) for key in ('sum', 'squares')
            )
