"""Passing the two dates of a pair through one module, and padding them to what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

Maps = TypeVar('Maps', Tensor, Sequence[Tensor])

# Ways to make one map of both dates' maps.
CONCAT, DIFFERENCE = 'concat', 'difference'


def apply_to_dates(
    module: Callable[[Tensor], Maps], before: Tensor, after: Tensor, *, one_batch: bool
) -> tuple[Maps, Maps]:
    """Pass both dates through a module with shared weights.

    Args:
        module: the module; gives one map, or a sequence of maps (a pyramid).
        before: the first date.
        after: the second date, of the same shape.
        one_batch: both dates in one batch, ``before`` first. BatchNorm in training mode then sees
            both at once; where it must see one date at a time (and update its running statistics
            twice), pass False. In eval mode the results are the same and one batch is faster.

    Shape:
        ``before``, ``after``: (N, C, H, W); the results: what ``module`` gives for N images each.
    """
    if not one_batch:
        return module(before), module(after)
    num = before.shape[0]
    # Slices, not `chunk(2)`: exporters freeze the batch size of a chunk along the batch axis.
    both = module(torch.cat([before, after]))
    if isinstance(both, Tensor):
        return both[:num], both[num:]
    return tuple(m[:num] for m in both), tuple(m[num:] for m in both)


def split_dates(pair: Tensor) -> tuple[Tensor, Tensor]:
    """Split a stacked pair (N, 2C, H, W) into ``before`` and ``after``, each (N, C, H, W).

    Raises:
        ValueError: the number of channels is odd.
    """
    channels = pair.shape[1]
    if channels % 2:
        raise ValueError(
            f'Expected a stacked pair with an even number of channels, (N, 2C, H, W) with `before` '
            f'in the first C, but got the shape {tuple(pair.shape)}. Stack the two dates along '
            'the channel axis (the transform StackPair does).'
        )
    return pair[:, : channels // 2], pair[:, channels // 2 :]


def fuse_dates(before: Tensor, after: Tensor, fusion: str) -> Tensor:
    """One map of both dates' (N, C, H, W).

    Args:
        before: the first date's.
        after: the second date's.
        fusion: :data:`CONCAT`, both of them (N, 2C, H, W), or :data:`DIFFERENCE`, the absolute
            difference (N, C, H, W).
    """
    if fusion == DIFFERENCE:
        return (before - after).abs()
    return torch.cat([before, after], dim=1)


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
