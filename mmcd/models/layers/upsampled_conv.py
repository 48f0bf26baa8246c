"""A convolution behind bilinear up-sampling, computed before the up-sampling.

Mixing channels and interpolating are both linear. So the nine taps of ``conv3x3(upsample(x))`` mix
the channels at the LOW resolution, as one 1x1 convolution, and what remains is one small banded
matrix along the width and one along the height, which shift by the tap and interpolate at once;
the convolution's zero padding is part of them. The result is the same up to rounding, for about
1 / s^2 of the multiplications.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_of_upsampled(x: Tensor, conv: nn.Conv2d, scale: int) -> Tensor:
    """``conv(F.interpolate(x, scale_factor=scale, mode='bilinear'))``, for a 3x3 convolution.

    Args:
        x: the map at the low resolution.
        conv: 3x3 with padding 1.
        scale: a power of two; worth it from 4 on.

    Shape:
        (N, C_in, h, w) to (N, C_out, scale * h, scale * w).
    """
    num, _, height, width = x.shape
    taps = F.conv2d(x, tap_weights(conv))
    taps = taps.unflatten(1, (3, 3, -1))  # (N, 3, 3, C_out, h, w)
    across = interpolated_rows(width, scale, 0, width, taps.dtype, taps.device)
    wide = across @ taps.permute(5, 2, 0, 4, 1, 3).flatten(2).flatten(0, 1)
    wide = wide.unflatten(1, (num, height, 3, -1))  # (scale * w, N, h, 3, C_out)
    down = interpolated_rows(height, scale, 0, height, taps.dtype, taps.device)
    high = down @ wide.permute(1, 2, 3, 0, 4).flatten(3).flatten(1, 2)
    high = high.unflatten(2, (width * scale, -1))
    # Under autocast the products are of its precision, the bias is not.
    high = high + cast(Tensor, conv.bias).to(high.dtype)
    return high.permute(0, 3, 1, 2)


def tap_weights(conv: nn.Conv2d) -> Tensor:
    """The weights of a 3x3 convolution as those of a 1x1 convolution to its taps.

    Shape:
        (C_out, C_in, 3, 3) to (9 * C_out, C_in, 1, 1) in the order (row, column, C_out).
    """
    return conv.weight.permute(2, 3, 0, 1).reshape(-1, conv.in_channels, 1, 1)


def interpolation(size: int, scale: int, start: Tensor, outputs: int, inputs: int) -> Tensor:
    """Weights of up-sampling by ``scale`` along one axis, for each of the three taps.

    Args:
        size: length of the whole axis before the up-sampling.
        scale: the factor.
        start: (B,) input positions where blocks begin; block b makes the outputs from
            ``scale * start[b]`` on, of the inputs from ``start[b] - 1`` on.
        outputs: number of outputs of a block.
        inputs: number of inputs of a block.

    Shape:
        (B, outputs, inputs * 3): the weight of the input at tap -1, 0, 1, the tap running fastest.
    """
    device = start.device
    # Exact in float32: the scales are powers of two.
    start = start.float()[:, None, None, None]
    taps = torch.arange(-1, 2, device=device)
    # Where on the enlarged axis each tap of each output reads: (B, outputs, 1, 3).
    place = scale * start + torch.arange(outputs, device=device)[:, None, None] + taps
    inside = (place >= 0) & (place < size * scale)
    # Bilinear, align_corners=False: beyond the first and the last centre the value stays.
    source = ((place + 0.5) / scale - 0.5).clamp(0, size - 1)
    position = start - 1 + torch.arange(inputs, device=device)[:, None]
    weight = (1 - (source - position).abs()).clamp(min=0) * inside
    return weight.flatten(2)


@lru_cache(maxsize=512)
def interpolated_rows(
    size: int, scale: int, start: int, stop: int, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Of the inputs from ``start`` to ``stop``, with their neighbours within the axis.

    Shape:
        (scale * (stop - start), inputs * 3), see :func:`interpolation`.
    """
    # Not as tensors of inference mode, which a later training step could not use.
    with torch.inference_mode(False):
        begin = torch.tensor([start], device=device)
        weight = interpolation(size, scale, begin, scale * (stop - start), stop - start + 2)[0]
        first = 3 if start == 0 else 0
        last = weight.shape[1] - (3 if stop == size else 0)
        return weight[:, first:last].contiguous().to(dtype)
