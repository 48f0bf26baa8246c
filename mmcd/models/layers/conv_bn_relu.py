"""The brick that U-Nets are built of."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


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
