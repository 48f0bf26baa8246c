"""Criss-cross attention and its joint use over two dates.

MMCV has a module of this name, too, but passes once only, and it lies in mmcv.ops, whose compiled
part mmcd does not need otherwise.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CrissCrossAttention(nn.Module):
    """Each position attends to its own row and its own column, one softmax over both.

    The column part leaves out the position itself, which the row part holds already, so that it
    counts once. There is no scaling by the square root of the width.

    Args:
        channels: channels of the input and the output.
        reduction: query and key have ``channels // reduction`` channels (at least 1).
        recurrence: how often the module is applied in a row, with the same weights. Two passes
            let every position reach every other.

    Shape:
        (N, C, H, W) to (N, C, H, W).

    Reference:
        Huang et al., "CCNet: Criss-Cross Attention for Semantic Segmentation", ICCV 2019, eq. 1-2.
    """

    def __init__(self, channels: int, *, reduction: int = 8, recurrence: int = 2) -> None:
        super().__init__()
        self.recurrence = recurrence
        reduced = max(channels // reduction, 1)
        self.query = nn.Conv2d(channels, reduced, 1)
        self.key = nn.Conv2d(channels, reduced, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        # Starts at 0: at first the module hands its input through.
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.recurrence):
            x = self._attend(x)
        return x

    def _attend(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        # Channels last, (N, H, W, C), as the convolutions have it in memory.
        query, key, value = (
            conv(x).permute(0, 2, 3, 1) for conv in (self.query, self.key, self.value)
        )
        row = query @ key.transpose(2, 3)  # (N, H, W, W)
        column = query.transpose(1, 2) @ key.permute(0, 2, 3, 1)  # (N, W, H, H)
        place = torch.arange(height, device=x.device)
        column = column.masked_fill(place[:, None] == place, float('-inf')).transpose(1, 2)
        weight = torch.cat([column, row], dim=3).softmax(dim=3)  # (N, H, W, H + W)
        column, row = weight.split([height, width], dim=3)
        gathered = (column.transpose(1, 2) @ value.transpose(1, 2)).transpose(1, 2)
        gathered = gathered + row @ value
        return self.gamma * gathered.permute(0, 3, 1, 2) + x


class JointTemporalAttention(CrissCrossAttention):
    """Criss-cross attention over two dates laid side by side along the width.

    A row then attends across both dates, while a column stays within its own date.

    Shape:
        ``before``, ``after``: (N, C, H, W) each, to two maps of the same shape.

    Reference:
        Li et al., "A Densely Attentive Refinement Network for Change Detection Based on
        Very-High-Resolution Bitemporal Remote Sensing Images", TGRS 2022, section III-B.
    """

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        width = before.shape[3]
        joint = super().forward(torch.cat([before, after], dim=3))  # (N, C, H, 2W)
        return joint[..., :width], joint[..., width:]
