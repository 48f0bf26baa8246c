"""What will be written: every tile with its split, computed before any file is written."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmcd.data_tools.prepare.sources import Scene
from mmcd.data_tools.prepare.splitting import (
    Place,
    Ratios,
    split_by_blocks,
    split_by_scenes,
    split_randomly,
)
from mmcd.data_tools.prepare.tile_grid import TileGrid, covered, tile_name
from mmcd.errors import ConfigError, ImagePairError
from mmcd.evaluation.image_result import source_namer
from mmcd.io.images import TIFF_SUFFIXES, ImageHeader, Window, read_header

CUT_NAME = re.compile(r'(?P<scene>.+)_(?P<row>\d+)_(?P<column>\d+)')


@dataclass(frozen=True)
class Division:
    """How pairs that have no split yet are divided.

    Args:
        ratios: shares of the splits.
        blocks: by this many blocks along the longer side of a scene; None: at random.
        by_tile: draw tiles instead of whole pairs. Neighbours then fall into different splits.
    """

    ratios: Ratios
    blocks: int | None = None
    by_tile: bool = False


@dataclass(frozen=True)
class Tile:
    """A tile to write, or a whole image.

    Args:
        name: of its three files, without ending.
        window: what it covers; None is all of the image, whose files are taken as they are.
        split: where it goes; None until that is decided.
        suffixes: endings of its before and after file.
    """

    name: str
    window: Window | None
    suffixes: tuple[str, str]
    split: str | None = None


@dataclass(frozen=True)
class ScenePlan:
    """A scene and the tiles that it is cut into."""

    scene: Scene
    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class DatasetPlan:
    """All that will be written.

    Args:
        scenes: the scenes with their tiles.
        left_out: share of the pixels that no tile covers.
        padded: tiles that reach beyond their image.
        between: tiles left out because they touch another split.
    """

    scenes: tuple[ScenePlan, ...]
    left_out: float = 0.0
    padded: int = 0
    between: int = 0

    def pairs(self) -> Counter[str]:
        """How many pairs each split gets."""
        return Counter(t.split for plan in self.scenes for t in plan.tiles if t.split)

    def digest(self) -> str:
        """A short text that differs where other pairs, or others in a split, would be written."""
        names = (f'{t.split}/{t.name}\n' for plan in self.scenes for t in plan.tiles)
        return hashlib.blake2b(''.join(names).encode(), digest_size=8).hexdigest()

    def image_suffixes(self) -> tuple[str, ...]:
        """Endings of the images."""
        return tuple(sorted({s for plan in self.scenes for t in plan.tiles for s in t.suffixes}))


def plan_dataset(
    scenes: Sequence[Scene], tiling: TileGrid | None, division: Division
) -> DatasetPlan:
    """Cut scenes into tiles, in numbers only, and divide them among the splits.

    Raises:
        ConfigError: the pairs can't be divided as asked, or no tile fits into an image.
        ImagePairError: the files of a pair differ in size.
    """
    if tiling is None:
        plans = [_whole(scene) for scene in scenes]
        left_out, padded = 0.0, 0
    else:
        plans, left_out, padded = _cut(scenes, tiling)
    divided = _divide(plans, division)
    kept = tuple(
        replace(plan, tiles=tuple(tile for tile in plan.tiles if tile.split)) for plan in divided
    )
    between = sum(len(plan.tiles) for plan in plans) - sum(len(plan.tiles) for plan in kept)
    return DatasetPlan(kept, left_out, padded, between)


def _whole(scene: Scene) -> ScenePlan:
    suffixes = scene.before.suffix.lower(), scene.after.suffix.lower()
    return ScenePlan(scene, (Tile(scene.name, None, suffixes),))


def _cut(scenes: Sequence[Scene], tiling: TileGrid) -> tuple[list[ScenePlan], float, int]:
    """All tiles, the share of pixels that lie in none, and how many tiles are padded."""
    plans, inside, total, padded = [], 0, 0, 0
    for scene in scenes:
        before, after = read_header(scene.before), read_header(scene.after)
        height, width = before.height, before.width
        if (after.height, after.width) != (height, width):
            raise ImagePairError(
                f'The two dates differ in size (height, width): {scene.before} has '
                f'{(height, width)}, {scene.after} has {(after.height, after.width)}.'
            )
        windows = tiling.windows(height, width)
        suffixes = _tile_suffix(before), _tile_suffix(after)
        tiles = (Tile(tile_name(scene.name, w, height, width), w, suffixes) for w in windows)
        plans.append(ScenePlan(scene, tuple(tiles)))
        inside += covered(windows, height, width)
        total += height * width
        padded += sum(w.within(height, width) != w for w in windows)
    if not any(plan.tiles for plan in plans):
        raise ConfigError(
            f'No image has room for a tile of {tiling.size}x{tiling.size}. Ask for smaller tiles '
            '(--tile), or for --edge pad.'
        )
    return plans, 1 - inside / total, padded


def _tile_suffix(header: ImageHeader) -> str:
    """PNG where it is read by default; TIFF for what only TIFF holds."""
    return '.png' if header.dtype == 'uint8' and header.bands in (1, 3) else TIFF_SUFFIXES[0]


def _divide(plans: Sequence[ScenePlan], division: Division) -> list[ScenePlan]:
    """Give each tile its split; those between two splits have none."""
    splits: dict[int, list[str | None]] = {}
    open_to: dict[tuple[str, ...], list[int]] = {}
    for number, plan in enumerate(plans):
        open_to.setdefault(plan.scene.splits, []).append(number)
    for choices, numbers in open_to.items():
        group = [plans[number] for number in numbers]
        if len(choices) == 1:
            decided: list[str | None] = [choices[0]] * sum(len(plan.tiles) for plan in group)
        else:
            decided = _divide_group(group, division, choices)
        for number, plan in zip(numbers, group, strict=True):
            splits[number], decided = decided[: len(plan.tiles)], decided[len(plan.tiles) :]
    return [
        replace(plan, tiles=tuple(map(_with_split, plan.tiles, splits[number])))
        for number, plan in enumerate(plans)
    ]


def _with_split(tile: Tile, split: str | None) -> Tile:
    return replace(tile, split=split)


def _divide_group(
    group: Sequence[ScenePlan], division: Division, choices: tuple[str, ...]
) -> list[str | None]:
    """The split of each tile of scenes that may go to the same splits."""
    ratios = division.ratios
    shares = ratios.among(choices)
    if division.blocks is not None:
        return split_by_blocks(_places(group), division.blocks, shares, ratios.seed)
    if division.by_tile:
        count = sum(len(plan.tiles) for plan in group)
        return list(split_randomly(count, shares, ratios.seed))
    scenes = _tiles_by_scene(group)
    if len(scenes) < len(group):
        return split_by_scenes(scenes, shares, ratios.seed)
    drawn = split_randomly(len(group), shares, ratios.seed)
    return [split for plan, split in zip(group, drawn, strict=True) for _ in plan.tiles]


def _tiles_by_scene(group: Sequence[ScenePlan]) -> dict[str, list[int]]:
    """The numbers of the tiles of each scene, of files that were cut before by their names."""
    name_scene = source_namer()
    numbers: dict[str, list[int]] = {name_scene(plan.scene.name): [] for plan in group}
    count = 0
    for plan in group:
        numbers[name_scene(plan.scene.name)] += range(count, count + len(plan.tiles))
        count += len(plan.tiles)
    return numbers


def _places(group: Sequence[ScenePlan]) -> list[Place]:
    """Where tiles lie: as they are cut, or by the names of files that were cut before."""
    if any(tile.window is None for plan in group for tile in plan.tiles):
        return _places_by_name([plan.scene for plan in group])
    return [
        Place(
            plan.scene.name,
            tile.window.top,
            tile.window.left,
            tile.window.top + tile.window.height,
            tile.window.left + tile.window.width,
        )
        for plan in group
        for tile in plan.tiles
        if tile.window is not None
    ]


def _places_by_name(scenes: Sequence[Scene]) -> list[Place]:
    """Places from names such as ``scene_0256_0512``, in pixels or, if they count tiles, in tiles.

    Raises:
        ConfigError: a name says no place.
    """
    names = [scene.name for scene in scenes]
    found = [CUT_NAME.fullmatch(name) for name in names]
    unknown = [name for name, match in zip(names, found, strict=True) if match is None]
    if unknown:
        raise ConfigError(
            '--blocks needs to know where each tile lies: cut the scenes here (--tile), or name '
            f'the files SCENE_ROW_COLUMN; got {unknown[0]}.'
        )
    cells = [(m['scene'], int(m['row']), int(m['column'])) for m in found if m]
    if _count_pixels(cells):
        # Tiles may overlap by any part of their size.
        headers = [read_header(scene.before) for scene in scenes]
        return [
            Place(name, row, column, row + header.height, column + header.width)
            for (name, row, column), header in zip(cells, headers, strict=True)
        ]
    rows = _ranks([(scene, row) for scene, row, _ in cells])
    columns = _ranks([(scene, column) for scene, _, column in cells])
    return [
        Place(
            scene,
            rows[scene, row],
            columns[scene, column],
            rows[scene, row] + 1,
            columns[scene, column] + 1,
        )
        for scene, row, column in cells
    ]


def _count_pixels(cells: Sequence[tuple[str, int, int]]) -> bool:
    """Whether numbers of rows and columns go far beyond how many there are."""
    largest = max(max(row, column) for _, row, column in cells)
    number = max(len({row for _, row, _ in cells}), len({column for _, _, column in cells}))
    return largest >= 4 * number


def _ranks(keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], int]:
    """Positions of a scene's numbers in their order: from pixels, or counts, to counts."""
    ranks: dict[tuple[str, int], int] = {}
    count: Counter[str] = Counter()
    for key in sorted(set(keys)):
        ranks[key] = count[key[0]]
        count[key[0]] += 1
    return ranks
