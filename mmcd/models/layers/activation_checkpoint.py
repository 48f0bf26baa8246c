"""Activations that are recomputed in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)


def checkpointed(module: nn.Module, function: Callable[..., Any], *inputs: Any) -> Any:
    """Call a function without keeping what is cheap to compute again; gradients are the same.

    The results of convolutions are kept: they take nearly all of the time. What is computed again
    are batch norms, ReLU, concatenations, up-sampling and attention, whose maps take most of the
    memory.

    MMEngine's own ``activation_checkpointing`` gives an encoder no gradient (its input, the image,
    asks for none), lets batch norms update their running statistics a second time, and computes
    the convolutions again.

    Args:
        module: whose batch norms the function uses.
        function: called now, and again in the backward pass.
        *inputs: of the function.
    """

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        keep, again = create_selective_checkpoint_contexts(_keep_convolutions)
        return keep, _kept_statistics(module, again)

    device = next(module.parameters()).device.type
    autocast = torch.autocast(
        device,
        dtype=torch.get_autocast_dtype(device),
        enabled=torch.is_autocast_enabled(device),
        # Weights that an earlier call had cast are cast now, as they are the second time.
        cache_enabled=False,
    )
    return checkpoint(autocast(function), *inputs, use_reentrant=False, context_fn=contexts)


def _keep_convolutions(context: Any, operator: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    if operator is torch.ops.aten.convolution.default:
        return CheckpointPolicy.MUST_SAVE
    return CheckpointPolicy.PREFER_RECOMPUTE


@contextmanager
def _kept_statistics(module: nn.Module, within: AbstractContextManager) -> Iterator[None]:
    """Within, batch norms in training mode leave their running statistics as they are."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        # The count is replaced, not the tensor changed, which the first pass may have saved; by
        # another one, as SyncBatchNorm does not work without.
        if norm.num_batches_tracked is not None:
            norm.num_batches_tracked = norm.num_batches_tracked.clone()
    try:
        with within:
            yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
