"""Dividing pairs or tiles among the splits.

The block splits of torchgeo and verde leave tiles that touch on both sides of a border; these are
what a split by blocks is for.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmcd.datasets.layout import SPLITS
from mmcd.errors import ConfigError

MOST_SEEDS = 2**32  # that NumPy takes


@dataclass(frozen=True)
class Ratios:
    """Shares of the splits.

    Args:
        train: share to train on.
        val: share to validate on.
        test: share to test on.
        seed: the same seed divides in the same way.

    Raises:
        ConfigError: a negative or infinite share, none at all, or a seed out of range.
    """

    train: float = 0.7
    val: float = 0.1
    test: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        shares = (self.train, self.val, self.test)
        is_good = all(0 <= share < math.inf for share in shares) and sum(shares) > 0
        if not is_good or not 0 <= self.seed < MOST_SEEDS:
            raise ConfigError(
                'Split shares must be finite, 0 or more and one above 0; the seed must be from 0 '
                f'to {MOST_SEEDS - 1}; got {shares} and seed {self.seed}.'
            )

    def among(self, splits: Sequence[str]) -> dict[str, float]:
        """Shares of these splits only, without empty ones, summing to 1.

        Raises:
            ConfigError: these splits have no share.
        """
        shares = {split: getattr(self, split) for split in splits if getattr(self, split) > 0}
        if not shares:
            raise ConfigError(f'No share is left for {" and ".join(splits)}: set one above 0.')
        return {split: share / sum(shares.values()) for split, share in shares.items()}


@dataclass(frozen=True)
class Place:
    """Where a tile lies in its scene: the first row and column, and those just behind it."""

    scene: str
    top: int
    left: int
    bottom: int
    right: int

    def touches(self, other: Place) -> bool:
        """Whether the two overlap or share a border or a corner."""
        return (
            self.scene == other.scene
            and self.top <= other.bottom
            and other.top <= self.bottom
            and self.left <= other.right
            and other.left <= self.right
        )


def split_randomly(count: int, shares: dict[str, float], seed: int) -> list[str]:
    """The split of each of so many things, drawn at random.

    Raises:
        ConfigError: too few for a split to get one.
    """
    numbers = {split: round(share * count) for split, share in shares.items()}
    largest = max(numbers, key=lambda split: shares[split])
    numbers[largest] += count - sum(numbers.values())
    empty = [split for split, number in numbers.items() if number < 1]
    if empty:
        raise ConfigError(
            f'{count} pair(s) are too few for shares of {_listed(shares)}: {", ".join(empty)} '
            'would be empty. Cut scenes into tiles (--tile) and divide them by --blocks, or set '
            'a share to 0 (--split).'
        )
    drawn = [split for split, number in numbers.items() for _ in range(number)]
    order = np.random.RandomState(seed).permutation(count)
    return [drawn[position] for position in order]


def split_by_scenes(
    scenes: Mapping[str, Sequence[int]], shares: dict[str, float], seed: int
) -> list[str | None]:
    """The split of each tile, by scenes: all tiles of a scene go to one.

    The splits get their shares of the tiles, as nearly as whole scenes allow.

    Args:
        scenes: the numbers of the tiles of each scene, by its name.
        shares: of the splits.
        seed: decides which scenes go where.

    Raises:
        ConfigError: there are fewer scenes than splits.
    """
    members = {name: numbers for name, numbers in scenes.items() if numbers}
    if len(members) < len(shares):
        raise ConfigError(
            f'By their names, SCENE_ROW_COLUMN, the files are tiles of {len(members)} scene(s), '
            f'{", ".join(members)}: too few for shares of {_listed(shares)}, since the tiles of a '
            'scene stay together. Divide scenes by --blocks, set a share to 0 (--split), or draw '
            'single files (--by-tile) where they are no neighbours.'
        )
    return _deal(list(members.values()), shares, seed)


def split_by_blocks(
    places: Sequence[Place], blocks: int, shares: dict[str, float], seed: int
) -> list[str | None]:
    """The split of each tile, by blocks of scenes; None for tiles between two splits.

    A block goes to one split as a whole. Of tiles that touch across the border of two splits, those
    of the larger split in the order train, val, test are left out: no pixel of one split then has
    a neighbour in another.

    Args:
        places: where the tiles lie.
        blocks: into how many blocks the longer side of a scene is divided; the shorter one into as
            many as make them about square.
        shares: of the splits.
        seed: decides which blocks go where.

    Raises:
        ConfigError: a split gets no block, or no tile that is left.
    """
    members = _blocks_of(places, blocks)
    splits = _deal(members, shares, seed)
    for spared in ('test', 'val'):
        _leave_out_neighbours(places, splits, spared)
    empty = [split for split in shares if split not in splits]
    if empty:
        raise ConfigError(
            f'{len(members)} block(s) leave nothing for {" and ".join(empty)}. Divide into more '
            'blocks (--blocks), or into smaller tiles.'
        )
    return splits


def _blocks_of(places: Sequence[Place], blocks: int) -> list[list[int]]:
    """Tiles of each block, in order of the blocks' places."""
    if blocks < 1:
        raise ConfigError(f'Scenes are divided into 1 or more blocks; got {blocks}.')
    extents: dict[str, tuple[int, int]] = {}
    for place in places:
        height, width = extents.get(place.scene, (0, 0))
        extents[place.scene] = max(height, place.bottom), max(width, place.right)
    members: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for number, place in enumerate(places):
        height, width = extents[place.scene]
        rows = max(1, round(blocks * min(1, height / width)))
        columns = max(1, round(blocks * min(1, width / height)))
        # The middle decides; doubled, so that all stays whole numbers.
        row = (place.top + place.bottom) * rows // (2 * height)
        column = (place.left + place.right) * columns // (2 * width)
        members[place.scene, min(row, rows - 1), min(column, columns - 1)].append(number)
    return [members[key] for key in sorted(members)]


def _deal(
    members: Sequence[Sequence[int]], shares: dict[str, float], seed: int
) -> list[str | None]:
    """The split of each tile: group by group, in random order, to the one that lacks most.

    The last groups go to splits that have none yet.
    """
    count = sum(map(len, members))
    splits: list[str | None] = [None] * count
    lacking = {split: share * count for split, share in shares.items()}
    empty = list(shares)
    for dealt, number in enumerate(np.random.RandomState(seed).permutation(len(members))):
        choices = empty if len(members) - dealt <= len(empty) else lacking
        split = max(choices, key=lambda name: lacking[name])
        lacking[split] -= len(members[number])
        if split in empty:
            empty.remove(split)
        for tile in members[number]:
            splits[tile] = split
    return splits


def _leave_out_neighbours(places: Sequence[Place], splits: list[str | None], spared: str) -> None:
    """Drop train (or val) tiles adjacent to a tile of ``spared``."""
    reach = max((max(p.bottom - p.top, p.right - p.left) for p in places), default=1)

    def cell(place: Place) -> tuple[str, int, int]:
        return place.scene, place.top // reach, place.left // reach

    near: dict[tuple[str, int, int], list[Place]] = defaultdict(list)
    for place, split in zip(places, splits, strict=True):
        if split == spared:
            near[cell(place)].append(place)
    lesser = SPLITS[: SPLITS.index(spared)]
    for number, place in enumerate(places):
        if splits[number] not in lesser:
            continue
        scene, row, column = cell(place)
        around = ((scene, row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1))
        if any(place.touches(other) for key in around for other in near.get(key, ())):
            splits[number] = None


def _listed(shares: dict[str, float]) -> str:
    return ', '.join(f'{share:.0%} {split}' for split, share in shares.items())
