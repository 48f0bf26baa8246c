"""Activations that are recomputed in the backward pass instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint


def checkpointed(module: nn.Module, function: Callable[..., Any], *inputs: Any) -> Any:
    """Call a function without keeping the activations in between; gradients are the same.

    MMEngine's own ``activation_checkpointing`` gives an encoder no gradient (its input, the image,
    asks for none), and lets batch norms update their running statistics a second time.

    Args:
        module: whose batch norms the function uses.
        function: called now, and again in the backward pass.
        *inputs: of the function.
    """
    return checkpoint(
        function,
        *inputs,
        use_reentrant=False,
        context_fn=lambda: (nullcontext(), _kept_statistics(module)),
    )


@contextmanager
def _kept_statistics(module: nn.Module) -> Iterator[None]:
    """Within, batch norms in training mode leave their running statistics as they are."""
    norms = [m for m in module.modules() if isinstance(m, _BatchNorm)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
        # The count is replaced, not the tensor changed, which the first pass may have saved.
        norm.num_batches_tracked = None
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, count
