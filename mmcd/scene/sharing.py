"""Sharing work among the processes of torch.distributed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from torch import distributed

T = TypeVar('T')


@dataclass(frozen=True)
class Share:
    """Which of several processes this one is; alone where nothing else is said.

    Args:
        rank: its number, from 0.
        world: how many there are; for more than one, torch.distributed's default group is theirs.
    """

    rank: int = 0
    world: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process does what only one may do."""
        return self.rank == 0

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of neighbouring items; the parts differ by one item at most."""
        ends = [len(items) * rank // self.world for rank in (self.rank, self.rank + 1)]
        return items[slice(*ends)]

    def dealt(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of items that are dealt out in turn."""
        return items[self.rank :: self.world]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()
