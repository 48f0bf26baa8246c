"""Fusion of both dates with the change features of the deeper level."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def group_norm(channels: int) -> nn.GroupNorm:
    """GroupNorm with ``channels // 32`` groups, or the next lower number that divides them."""
    groups = max(channels // 32, 1)
    while channels % groups:
        groups -= 1
    return nn.GroupNorm(groups, channels)


class SqueezeReduce(nn.Module):
    """Weighs the channels by their global averages, reduces their number and refines the result.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        reduction: the channel weights pass ``in_channels // reduction`` units (at least 1).

    Shape:
        (N, C_in, H, W) to (N, C_out, H, W).
    """

    def __init__(self, in_channels: int, out_channels: int, *, reduction: int = 32) -> None:
        super().__init__()
        hidden = max(in_channels // reduction, 1)
        self.excite = nn.Sequential(
            nn.Linear(in_channels, hidden, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, in_channels, bias=False),
            nn.Sigmoid(),
        )
        self.reduce = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            group_norm(out_channels),
            nn.ReLU(inplace=True),
        )
        self.refine = nn.Sequential(
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            group_norm(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        weight = self.excite(x.mean(dim=(2, 3)))  # (N, C_in)
        reduced = self.reduce(x + x * weight[:, :, None, None])
        return reduced + self.refine(reduced)


class DeepestFusion(nn.Module):
    """Fuses both dates at the deepest level, where no deeper change features exist.

    Args:
        channels: channels of each date's map and of the result.

    Shape:
        ``before``, ``after``: (N, C, H, W) each, to (N, C, H, W).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = group_norm(channels)
        self.reduce = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        # One norm with shared weights for both dates; it works per sample.
        return self.reduce(torch.cat([self.norm(before), self.norm(after)], dim=1))


class TriFusion(nn.Module):
    """Fuses both dates of a level with the fusion result of the next deeper one.

    Args:
        channels: channels of each date's map and of the result.
        deeper_channels: channels of the deeper level's fusion result.
        channel_interleave: order the 3C channels as ``before_0, after_0, differ_0, before_1, ...``
            before they are squeezed. This is the channel shuffle that the paper draws; the
            published checkpoints rest on plain concatenation, so it is off by default. All that
            follows is dense over the channels: the two orders differ in which input channel a
            weight belongs to, not in what can be learnt.

    Shape:
        ``before``, ``after``: (N, C, H, W) each; ``deeper``: (N, C_deeper, H / 2, W / 2); the
        result: (N, C, H, W).

    Raises:
        ValueError: the map is not twice as high and wide as the deeper one.

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    def __init__(
        self, channels: int, *, deeper_channels: int, channel_interleave: bool = False
    ) -> None:
        super().__init__()
        self.channel_interleave = channel_interleave
        self.upsample = nn.ConvTranspose2d(deeper_channels, channels, 2, stride=2)
        self.norm = group_norm(channels)
        self.squeeze_reduce = SqueezeReduce(3 * channels, channels)

    def forward(self, before: Tensor, after: Tensor, deeper: Tensor) -> Tensor:
        differ = self.upsample(deeper)
        if differ.shape[2:] != before.shape[2:]:
            raise ValueError(
                f'Expected a map twice as high and wide as the deeper level, '
                f'{tuple(differ.shape[2:])}, but got {tuple(before.shape[2:])}. Pad the images to '
                'multiples of 32.'
            )
        # One norm with shared weights for all three; it works per sample.
        parts = (self.norm(before), self.norm(after), self.norm(differ))
        if self.channel_interleave:
            fused = torch.stack(parts, dim=2).flatten(1, 2)  # (N, C, 3, H, W) to (N, 3C, H, W)
        else:
            fused = torch.cat(parts, dim=1)
        return self.squeeze_reduce(fused)
