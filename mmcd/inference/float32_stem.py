"""The encoder's first convolution in float32 within a network of a reduced precision.

It reads the images' values, up to 255 and not centred in DARNet, with few weights: the rounding of
these alone made most of what bfloat16 cost a trained DARNet (99.86 % of the masks' pixels as in
float32; 99.98 % with this one convolution in float32). It is next to no work.
"""

from __future__ import annotations

import copy
from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn


class Float32Conv(nn.Module):
    """A convolution in float32 that returns another number format.

    Args:
        conv: the convolution, in float32.
        dtype: of the result.

    Shape:
        as the convolution, from any floating-point format.
    """

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype) -> None:
        super().__init__()
        self.conv = conv
        self.dtype = dtype

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.float()).to(self.dtype)


def to_precision(network: nn.Module, encoder: nn.Module, dtype: torch.dtype) -> torch.dtype:
    """Convert a network in place, but for the encoder's first convolution.

    Args:
        network: in float32; ``encoder`` is a part of it.
        encoder: the first convolution that was registered in it reads the images.
        dtype: of the weights and maps.

    Returns:
        The format that the network takes its input in: float32 where such a convolution was found.
    """
    name = next((name for name, m in encoder.named_modules() if isinstance(m, nn.Conv2d)), None)
    if torch.finfo(dtype).bits >= 32 or name is None:
        network.to(dtype=dtype)
        return dtype
    stem = copy.deepcopy(cast(nn.Conv2d, encoder.get_submodule(name)))
    network.to(dtype=dtype)
    # Others may read the images too, such as the branches of RepVGG's first block.
    for module in encoder.modules():
        if any(weight.is_floating_point() for weight in module.parameters(recurse=False)):
            module.register_forward_pre_hook(partial(_convert_inputs, dtype=dtype))
    parent, _, child = name.rpartition('.')
    setattr(encoder.get_submodule(parent), child, Float32Conv(stem, dtype))
    return torch.float32


def _convert_inputs(
    module: nn.Module, inputs: tuple[Any, ...], *, dtype: torch.dtype
) -> tuple[Any, ...]:
    return tuple(
        each.to(dtype) if isinstance(each, Tensor) and each.is_floating_point() else each
        for each in inputs
    )
