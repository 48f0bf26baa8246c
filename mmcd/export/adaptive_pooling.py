"""Adaptive average pooling in a form that exporters follow."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class MatrixAveragePool(nn.Module):
    """``nn.AdaptiveAvgPool2d`` as two matrix products, the same for maps of any size.

    Exporters fix the windows of PyTorch's own to those of the example, and the file then fails, or
    answers otherwise, at other sizes (UPerNet's pyramid pooling has bins of 2, 3 and 6).

    Args:
        bins: height and width of the result.

    Shape:
        (N, C, H, W) to (N, C, *bins).
    """

    def __init__(self, bins: tuple[int, int]) -> None:
        super().__init__()
        self.bins = bins

    def forward(self, x: Tensor) -> Tensor:
        rows = _averages(x.shape[2], self.bins[0], x)
        columns = _averages(x.shape[3], self.bins[1], x)
        return rows @ x @ columns.T


def _averages(length: int, bins: int, like: Tensor) -> Tensor:
    """(bins, length): each row averages the window of one bin."""
    bin_ = torch.arange(bins, device=like.device)[:, None]
    position = torch.arange(length, device=like.device)
    start, end = bin_ * length // bins, -(-(bin_ + 1) * length // bins)
    inside = (position >= start) & (position < end)
    return inside.to(like) / (end - start).to(like)


def with_exportable_pooling(network: nn.Module) -> nn.Module:
    """The network, its adaptive poolings replaced in place."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.AdaptiveAvgPool2d):
                bins = _bins(child.output_size)
                if bins is not None and bins != (1, 1):
                    setattr(module, name, MatrixAveragePool(bins))
    return network


def _bins(size: Any) -> tuple[int, int] | None:
    """Height and width; None where one of them is that of the map."""
    height, width = (size, size) if size is None or isinstance(size, int) else size
    return None if height is None or width is None else (height, width)
