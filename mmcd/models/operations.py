"""Counting what a model computes for a pair."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mmcd.models.layers.pair_ops import pad_to_multiple
from mmcd.models.model_description import image_of, size_divisor_of


def count_multiply_adds(model: nn.Module, height: int, width: int) -> int:
    """The multiply-adds of convolutions, matrix products and attention for one pair."""
    pair = torch.rand(1, 2 * image_of(model).num_bands, height, width)
    pair = pad_to_multiple(pair, size_divisor_of(model))
    counter = FlopCounterMode(display=False)
    # The attention kernels of processors are not in PyTorch's table; plain products are.
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        model.eval()(pair, mode='tensor')
    return counter.get_total_flops() // 2


def count_parameters(model: nn.Module) -> int:
    """All of a model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
