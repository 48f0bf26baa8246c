"""The number formats that inference can run in."""

from __future__ import annotations

import torch
from torch import Tensor

from mmcd.errors import ConfigError

PRECISIONS = {
    'float32': torch.float32,
    'bfloat16': torch.bfloat16,
    'float16': torch.float16,
}


def precision_dtype(precision: str, device: torch.device | str) -> torch.dtype:
    """The number format of a name.

    Raises:
        ConfigError: there is no such precision, or the device does not work in it.
    """
    device = torch.device(device)
    if precision not in PRECISIONS:
        raise ConfigError(f'No such precision: {precision!r}. Use one of {", ".join(PRECISIONS)}.')
    if precision == 'float16' and device.type == 'cpu':
        raise ConfigError(
            'float16 is for GPUs; processors have no fast arithmetic for it. Use bfloat16 on the '
            'CPU.'
        )
    if precision == 'bfloat16' and device.type == 'cuda' and not torch.cuda.is_bf16_supported():
        raise ConfigError(
            f'The GPU {torch.cuda.get_device_name(device)} does not work in bfloat16. Use float16.'
        )
    return PRECISIONS[precision]


def reduced_precision(device: torch.device | str) -> str:
    """The precision that ``--amp`` means: float16 on a GPU, bfloat16 elsewhere."""
    return 'float16' if torch.device(device).type == 'cuda' else 'bfloat16'


def has_tf32_convolutions() -> bool:
    """Whether the GPU in use rounds the numbers of float32 convolutions to TF32's 10 bits.

    GPUs of Ampere and newer do, unless PyTorch is told otherwise: three digits in place of seven.
    """
    convolutions = getattr(torch.backends.cudnn, 'conv', None)
    setting = getattr(convolutions, 'fp32_precision', None)
    # PyTorch before 2.9 has the older switch alone, which later ones refuse beside the new.
    allowed = torch.backends.cudnn.allow_tf32 if setting is None else setting == 'tf32'
    return allowed and torch.cuda.get_device_capability() >= (8, 0)


def is_reduced_on_cpu(x: Tensor) -> bool:
    """Whether a map is on a processor and in fewer bits than float32."""
    return x.device.type == 'cpu' and torch.finfo(x.dtype).bits < 32
