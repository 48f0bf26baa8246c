"""Checkpoints that anyone can load safely."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcd.registry import HOOKS


@HOOKS.register_module()
class PlainCheckpoints(Hook):
    """Write checkpoints of tensors and plain values only.

    MMEngine adds the smoothed log values as objects of its own, and NumPy numbers such as the time
    that is left. PyTorch's safe loading (``weights_only=True``, the default since 2.6) refuses
    both, so that a run could not be resumed with it. The former serve the log's running means only,
    and are left out; the latter become Python's numbers.
    """

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        hub = checkpoint.get('message_hub')
        if hub:
            info = {key: _plain(value) for key, value in hub.get('runtime_info', {}).items()}
            checkpoint['message_hub'] = {**hub, 'log_scalars': {}, 'runtime_info': info}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
