"""DARNet's building brick."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def conv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    """Convolution 3x3 (padding 1, with bias), BatchNorm, ReLU.

    The bias is redundant before a BatchNorm (MMCV's ConvModule warns of it); the released
    checkpoints carry it.
    """
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, 3, padding=1),
            bn=nn.BatchNorm2d(out_channels),
            relu=nn.ReLU(inplace=True),
        )
    )
