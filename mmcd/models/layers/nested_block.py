"""The residual block that turns two dates' features into change features."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class NestedBlock(nn.Module):
    """Two 3x3 convolutions; the identity is the first one's output, before its BatchNorm.

    Args:
        in_channels: channels of the two dates together.
        out_channels: channels of the change feature.

    Shape:
        ``before``, ``after``: (N, C_in / 2, H, W) each, to (N, C_out, H, W).

    Reference:
        Fang et al., "SNUNet-CD", GRSL 2022, fig. 2; as used by DARNet (TGRS 2022).
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(out_channels)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        identity = self.conv1(torch.cat([before, after], dim=1))
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(identity)))) + identity)
