"""Stopping a run whose loss is not finite."""

from __future__ import annotations

import math

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from mmcd.errors import NonFiniteLossError
from mmcd.registry import HOOKS


@HOOKS.register_module()
class StopOnNonFiniteLoss(Hook):
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
