"""What the processes of a run find out together, each from what it knows itself."""

from __future__ import annotations

import torch
from mmengine.dist import all_reduce, get_world_size


def largest_of_all(number: int) -> int:
    """The largest of what the processes of a run give, the same in all of them.

    Every process has to call it, in the same iteration; one that runs alone gets its own number.
    """
    if get_world_size() == 1:
        return number
    largest = torch.tensor([int(number)])  # backends take no truth values
    all_reduce(largest, op='max')
    return int(largest)
