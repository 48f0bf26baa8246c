"""The blocks that U-Nets, DARNet's decoder and the FC-Siam networks are built of."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# DARNet's release: Kaiming normal by fan-in with a = 0 for every convolution (the attention's
# included), N(1, 0.02) for BatchNorm weights, zero for the biases.
KAIMING_FAN_IN: list[dict] = [
    dict(
        type='Kaiming',
        layer='Conv2d',
        mode='fan_in',
        nonlinearity='relu',
        distribution='normal',
    ),
    dict(type='Normal', layer='_BatchNorm', mean=1.0, std=0.02, bias=0.0),
]


def conv_bn_relu(in_channels: int, out_channels: int, *, dropout: float = 0.0) -> nn.Sequential:
    """Convolution 3x3 (padding 1, with bias), BatchNorm, ReLU, and dropout of whole maps.

    The bias is redundant before a BatchNorm (MMCV's ConvModule warns of it); the released
    checkpoints carry it.
    """
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(in_channels, out_channels, 3, padding=1),
        bn=nn.BatchNorm2d(out_channels),
        relu=nn.ReLU(inplace=True),
    )
    if dropout:
        parts['dropout'] = nn.Dropout2d(dropout)
    return nn.Sequential(parts)


class NestedBlock(nn.Module):
    """Turns both dates' features into change features by two 3x3 convolutions.

    A residual block whose identity is the first one's output, before its BatchNorm.

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


class ChannelAttention(nn.Module):
    """Weighs each channel by sigmoid(MLP(global average) + MLP(global maximum)).

    Args:
        channels: channels of the input and the output.
        reduction: the shared MLP has ``channels // reduction`` hidden channels (at least 1).

    Shape:
        (N, C, H, W) to (N, C, H, W): the input times its weights.

    Reference:
        Woo et al., "CBAM: Convolutional Block Attention Module", ECCV 2018, eq. 2.
    """

    def __init__(self, channels: int, *, reduction: int = 16) -> None:
        super().__init__()
        hidden = max(channels // reduction, 1)
        self.fc1 = nn.Conv2d(channels, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        average = self._mlp(F.adaptive_avg_pool2d(x, 1))
        maximum = self._mlp(F.adaptive_max_pool2d(x, 1))
        return (average + maximum).sigmoid() * x

    def _mlp(self, pooled: Tensor) -> Tensor:
        return self.fc2(F.relu(self.fc1(pooled)))
