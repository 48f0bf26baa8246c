"""Padding images to a multiple, and cropping back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F


def pad_to_multiple(x: Tensor, divisor: int) -> Tensor:
    """Pad (N, C, H, W) at the bottom and the right by its own edge to multiples of ``divisor``."""
    height, width = x.shape[2:]
    bottom, right = -height % divisor, -width % divisor
    if not bottom and not right:
        return x
    return F.pad(x, (0, right, 0, bottom), mode='replicate')


def crop_to(x: Tensor, size: Sequence[int]) -> Tensor:
    """The top left (height, width) of (N, C, H, W): takes back :func:`pad_to_multiple`."""
    height, width = size
    return x[..., :height, :width]
