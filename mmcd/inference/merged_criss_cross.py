"""Criss-cross attention as two plain attentions whose softmaxes are merged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.inference.strips import strips
from mmcd.models.layers.criss_cross_attention import CrissCrossAttention


class MergedCrissCross(nn.Module):
    """One pass of :class:`CrissCrossAttention` without its affinity tensor.

    Rows and columns are attended to apart, with a softmax each. The one softmax over both is the
    mean of the two, weighed by their sums of exponentials: the logistic function of the
    difference of the sums' logarithms. Query, key and value come from one convolution, and gamma
    is folded into the value's weights.

    Args:
        attention: the trained module.

    Shape:
        (N, H, W, C) to (N, H, W, C), channels last in memory.
    """

    # Without loops over images and strips, for exporters and compilers.
    traceable = False
    weight: Tensor
    bias: Tensor

    def __init__(self, attention: CrissCrossAttention) -> None:
        super().__init__()
        query: Any = attention.query
        key: Any = attention.key
        value: Any = attention.value
        gamma = attention.gamma.detach()
        self.reduced = query.out_channels
        weights = [query.weight, key.weight, gamma * value.weight]
        biases = [query.bias, key.bias, gamma * value.bias]
        self.register_buffer('weight', torch.cat(weights).detach())
        self.register_buffer('bias', torch.cat(biases).detach())

    def forward(self, x: Tensor) -> Tensor:
        qkv = F.conv2d(x.permute(0, 3, 1, 2), self.weight, self.bias).permute(0, 2, 3, 1)
        query, key, value = qkv.split([self.reduced, self.reduced, x.shape[3]], dim=3)
        # Affinities in float32 at the least: their exponentials are what counts.
        wide = torch.promote_types(x.dtype, torch.float32)
        query, key = query.to(wide), key.to(wide)
        attend = _attend if self.traceable else _attend_in_strips
        row, row_sum = attend(query, key, value, without_itself=False)
        across = (part.transpose(1, 2) for part in (query, key, value))
        column, column_sum = attend(*across, without_itself=True)
        share = torch.sigmoid(row_sum - column_sum.transpose(1, 2)).to(x.dtype)
        return x + torch.lerp(column.transpose(1, 2), row, share)


def _attend_in_strips(
    query: Tensor, key: Tensor, value: Tensor, *, without_itself: bool
) -> tuple[Tensor, Tensor]:
    """See :func:`_attend`; the affinities of a strip stay in the processor's cache."""
    num, batch, length, _ = query.shape
    gathered = value.new_empty(value.shape)
    log_sum = query.new_empty(num, batch, length, 1)
    for image in range(num):
        for start, stop in strips(batch, 4 * length * length, query):
            part = (image, slice(start, stop))
            gathered[part], log_sum[part] = _attend(
                query[part], key[part], value[part], without_itself=without_itself
            )
    return gathered, log_sum


def _attend(
    query: Tensor, key: Tensor, value: Tensor, *, without_itself: bool
) -> tuple[Tensor, Tensor]:
    """Attention along the last axis but one, (..., L, C).

    Returns:
        The attended values (..., L, C), and the logarithm of the sum of the affinities'
        exponentials (..., L, 1).
    """
    affinity = query @ key.transpose(-2, -1)
    if without_itself:
        length = key.shape[-2]
        itself = torch.arange(length, device=key.device)
        # Not -inf: a column of one has nothing else, and its sum must come to 0.
        itself = (itself[:, None] == itself).to(affinity.dtype)
        affinity = affinity + itself * (torch.finfo(affinity.dtype).min / 2)
    weight = affinity.softmax(dim=-1)
    # The largest weight is exp(largest affinity) / sum, and never 0.
    log_sum = affinity.amax(-1, keepdim=True) - weight.amax(-1, keepdim=True).log()
    return weight.to(value.dtype) @ value, log_sum
