"""Criss-cross attention as two plain attentions whose softmaxes are merged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.inference.precision import is_reduced_on_cpu
from mmcd.inference.strips import strips
from mmcd.models.layers.criss_cross_attention import CrissCrossAttention

# Up to so many channels PyTorch's fused kernel is the faster one in float32, too: of 16 on a map of
# 512x512 it takes 0.6 of the time of products and softmax one by one, of 32 the same, of 128 1.5.
NARROW = 24


class MergedCrissCross(nn.Module):
    """One pass of :class:`CrissCrossAttention` without its affinity tensor.

    Rows and columns are attended to apart, with a softmax each. The one softmax over both is the
    mean of the two, weighed by their sums of exponentials: the logistic function of the
    difference of the sums' logarithms. Query, key and value come from one convolution, and gamma
    is folded into the value's weights.

    Args:
        attention: the trained module.

    Shape:
        (N, C, H, W) to (N, C, H, W).
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
        if self.traceable:
            attend = _attend
        else:
            attend = _attend_fused if self._fused_is_faster(x) else _attend_in_strips
        qkv = F.conv2d(x, self.weight, self.bias)
        row, row_sum = attend(*self._split(qkv.permute(0, 2, 3, 1)))
        across = self._split(qkv.permute(0, 3, 2, 1))
        column, column_sum = attend(*across, without_itself=True)
        share = torch.sigmoid(row_sum - column_sum.transpose(1, 2)).to(x.dtype)
        merged = torch.lerp(column.transpose(1, 2), row, share)
        return x + merged.permute(0, 3, 1, 2)

    def _fused_is_faster(self, x: Tensor) -> bool:
        narrow = x.device.type == 'cpu' and x.shape[1] <= NARROW
        return narrow or is_reduced_on_cpu(x)

    def _split(self, qkv: Tensor) -> tuple[Tensor, ...]:
        """Query, key and value along the last axis."""
        return qkv.split([self.reduced, self.reduced, qkv.shape[3] - 2 * self.reduced], dim=3)


def _attend_fused(
    query: Tensor, key: Tensor, value: Tensor, *, without_itself: bool = False
) -> tuple[Tensor, Tensor]:
    """See :func:`_attend`; in PyTorch's fused kernel for processors, without the affinities.

    It is what ``F.scaled_dot_product_attention`` calls, which drops the sums.
    """
    # It wants queries and keys as wide as the values, and writes its result as if the queries had
    # no gaps in memory, whether they have or not.
    wider = value.shape[3] - query.shape[3]
    query, key = (F.pad(part, (0, wider)).contiguous() for part in (query, key))
    mask = _itself(key.shape[2], key) if without_itself else None
    # (N, B, L, C): what the kernel takes for heads is here what is attended along.
    gathered, log_sum = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, attn_mask=mask, scale=1.0
    )
    return gathered, log_sum[..., None]


def _attend_in_strips(
    query: Tensor, key: Tensor, value: Tensor, *, without_itself: bool = False
) -> tuple[Tensor, Tensor]:
    """See :func:`_attend`; the affinities of a strip stay in the processor's cache."""
    num, batch, length, _ = query.shape
    wide = torch.promote_types(value.dtype, torch.float32)
    gathered = value.new_empty(value.shape)
    log_sum = value.new_empty(num, batch, length, 1, dtype=wide)
    for image in range(num):
        for start, stop in strips(batch, wide.itemsize * length * length, query):
            part = (image, slice(start, stop))
            gathered[part], log_sum[part] = _attend(
                query[part], key[part], value[part], without_itself=without_itself
            )
    return gathered, log_sum


def _attend(
    query: Tensor, key: Tensor, value: Tensor, *, without_itself: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention along the last axis but one, (..., L, C).

    Returns:
        The attended values (..., L, C), and the logarithm of the sum of the affinities'
        exponentials (..., L, 1), in float32 at the least.
    """
    # Affinities in float32 at the least: their exponentials are what counts.
    wide = torch.promote_types(value.dtype, torch.float32)
    affinity = query.to(wide) @ key.to(wide).transpose(-2, -1)
    if without_itself:
        affinity = affinity + _itself(key.shape[-2], affinity)
    weight = affinity.softmax(dim=-1)
    # The largest weight is exp(largest affinity) / sum, and never 0.
    log_sum = affinity.amax(-1, keepdim=True) - weight.amax(-1, keepdim=True).log()
    return weight.to(value.dtype) @ value, log_sum


def _itself(length: int, like: Tensor) -> Tensor:
    """What is added to the affinities where a position must not attend to itself, (L, L).

    Not -inf: a column of one has nothing else, and its sum must come to 0.
    """
    place = torch.arange(length, device=like.device)
    itself = (place[:, None] == place).to(like.dtype)
    return itself * (torch.finfo(like.dtype).min / 2)
