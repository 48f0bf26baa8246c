"""Mixed precision where there is no GPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from mmcd.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class BFloat16OptimWrapper(OptimWrapper):
    """Train under bfloat16 autocast, on the CPU too.

    MMEngine's AmpOptimWrapper runs on accelerators only. bfloat16 has float32's range, so there is
    no loss scaling.

    Args:
        **kwargs: see :class:`mmengine.optim.OptimWrapper`.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device_type = get_device().split(':')[0]
        with super().optim_context(model), torch.autocast(device_type, dtype=torch.bfloat16):
            yield
