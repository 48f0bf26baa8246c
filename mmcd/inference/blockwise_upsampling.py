"""The up-sampling step of :mod:`mmcd.models.layers.upsampled_conv`, in blocks.

Each block of an axis reads its own inputs and one neighbour at either side, so that the work grows
with the map's area, and a strip of rows can be made at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import torch
from torch import Tensor, nn

from mmcd.models.layers.upsampled_conv import interpolated_rows, interpolation

# Input positions that share one matrix: with more of them it holds more zeros, with fewer the
# neighbours' inputs (one position at either side) are read again more often.
BLOCK = 16


class UpsampledConv(nn.Module):
    """The rest of ``conv3x3(upsample(x))`` after the taps' 1x1 convolution.

    Args:
        scale: factor of the up-sampling.
        bias: (C,) of the convolution.

    Shape:
        (N, 9 * C, h, w) to (N, C, s * h, s * w).
    """

    # Without loops and kept matrices, for exporters and compilers.
    traceable = False
    bias: Tensor

    def __init__(self, scale: int, bias: Tensor) -> None:
        super().__init__()
        self.scale = scale
        self.channels = len(bias)
        self.register_buffer('bias', bias.detach().clone())

    def forward(self, taps: Tensor) -> Tensor:
        wide = self._widen(taps.permute(0, 2, 3, 1))
        height, width = wide.shape[1], wide.shape[3]
        index, weight = self._blocks(height, taps)
        rows = wide.flatten(3).index_select(1, index)  # (N, B * inputs, 3, s * w * C)
        rows = rows.flatten(1, 2).unflatten(1, (weight.shape[0], -1))
        high = (weight @ rows).flatten(1, 2)[:, : height * self.scale]
        high = high.unflatten(2, (width, self.channels)) + self.bias
        return high.permute(0, 3, 1, 2)

    def strips(self, taps: Tensor) -> Iterator[tuple[int, int, int, Tensor]]:
        """Some rows at a time: (image, first row, row after the last, (rows, s * w, C))."""
        taps = taps.permute(0, 2, 3, 1)
        height, width = taps.shape[1], taps.shape[2] * self.scale
        bias = self.bias.repeat(width)
        for image in range(len(taps)):
            for start in range(0, height, BLOCK):
                stop = min(start + BLOCK, height)
                weight = interpolated_rows(height, self.scale, start, stop, taps.dtype, taps.device)
                source = taps[image : image + 1, max(start - 1, 0) : stop + 1]
                rows = self._widen(source).view(-1, width * self.channels)
                high = torch.addmm(bias, weight, rows).view(-1, width, self.channels)
                yield image, start * self.scale, stop * self.scale, high

    def _widen(self, taps: Tensor) -> Tensor:
        """Shift and interpolate along the width: (N, h, 3, s * w, C), the height's taps third."""
        width = taps.shape[2]
        index, weight = self._blocks(width, taps)
        by_row = taps.unflatten(3, (3, -1)).transpose(2, 3)  # (N, h, 3, w, 3 * C)
        blocks = by_row.index_select(3, index).unflatten(3, (weight.shape[0], -1))
        # (N, h, 3, B, inputs * 3, C)
        blocks = blocks.unflatten(5, (3, self.channels)).flatten(4, 5)
        wide = (weight @ blocks).flatten(3, 4)[:, :, :, : width * self.scale]
        return wide.contiguous()

    def _blocks(self, size: int, like: Tensor) -> tuple[Tensor, Tensor]:
        if self.traceable:
            return _make_blocks(size, BLOCK, self.scale, like.dtype, like.device)
        length = -(-size // -(-size // BLOCK))  # as few blocks, of equal length
        return _kept_blocks(size, length, self.scale, like.dtype, like.device)


def _make_blocks(
    size: int, length: int, scale: int, dtype: torch.dtype, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Which inputs the blocks of an axis take, (B * inputs,), and the blocks' weights."""
    start = torch.arange(0, size, length, device=device)
    weight = interpolation(size, scale, start, length * scale, length + 2)
    index = start[:, None] - 1 + torch.arange(length + 2, device=device)
    # Positions beyond the ends have weight 0.
    return index.clamp(0, size - 1).flatten(), weight.to(dtype)


_kept_blocks = lru_cache(maxsize=128)(_make_blocks)
