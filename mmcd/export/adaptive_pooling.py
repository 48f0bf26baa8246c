"""Adaptive average pooling in a form that exporters follow."""

from __future__ import annotations

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
                size = child.output_size
                # None stands for the size of the map, which no network here asks for.
                bins = (size, size) if isinstance(size, int) else tuple(size)
                if bins != (1, 1) and None not in bins:
                    setattr(module, name, MatrixAveragePool(bins))
    return network
