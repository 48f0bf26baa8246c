"""Sharing work among the processes of torch.distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import distributed

T = TypeVar('T')


@dataclass(frozen=True)
class Share:
    """Rank and world size of this process; a single process by default.

    Args:
        rank: the process's number, from 0.
        world: how many there are; for more than one, torch.distributed's default group is theirs.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process does what only one may do."""
        return self.rank == 0

    def contiguous(self, items: Sequence[T]) -> Sequence[T]:
        """This process's contiguous shard; the shards differ by one item at most."""
        ends = [len(items) * rank // self.world for rank in (self.rank, self.rank + 1)]
        return items[slice(*ends)]

    def strided(self, items: Sequence[T]) -> Sequence[T]:
        """This process's strided shard: every ``world``-th item."""
        return items[self.rank :: self.world]

    def wait(self) -> None:
        """Wait for all processes (a barrier)."""
        if self.world > 1:
            distributed.barrier()
