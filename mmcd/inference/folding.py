"""Convolutions with what follows them folded into their weights."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from mmcv.cnn import fuse_conv_bn
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def fold(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """A new convolution that gives what the two give in eval mode, whatever mode they are in."""
    # `fuse_conv_bn_eval` refuses modules in training mode; it copies the convolution.
    modes = conv.training, norm.training
    conv.eval(), norm.eval()
    try:
        return fuse_conv_bn_eval(conv, norm)
    finally:
        conv.train(modes[0]), norm.train(modes[1])


def fold_block(block: Any) -> nn.Conv2d:
    """The convolution and the batch norm of a :func:`conv_bn_relu`."""
    return fold(block.conv, block.bn)


def affine(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """What a batch norm multiplies by and adds in eval mode, each (C, 1, 1)."""
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = norm.weight / torch.sqrt(variance + norm.eps)
    shift = norm.bias - mean * scale
    return scale.detach()[:, None, None], shift.detach()[:, None, None]


def fold_encoder(encoder: nn.Module) -> nn.Module:
    """A copy of an encoder, its batch norms folded where it is a ResNet.

    MMCV's function folds each batch norm into the convolution that was registered before it.
    That is the order of their use in a ResNet; of other encoders it is not known.
    """
    encoder = copy.deepcopy(encoder)
    if type(encoder).__name__ in ('ResNet', 'ResNetV1c', 'ResNetV1d'):
        return fuse_conv_bn(encoder)
    return encoder
