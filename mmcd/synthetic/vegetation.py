"""Trees and shrubs: where they grow, how they look, and what the time of year does to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from mmcd.synthetic.geometry import MARGIN, OVERSAMPLING
from mmcd.synthetic.noise import fractal_noise
from mmcd.synthetic.scene_plan import Plan
from mmcd.synthetic.surface import RGB, Surface


@dataclass(frozen=True)
class Season:
    """State of the vegetation: `green` of grass and `leaves` of deciduous trees, both 0 .. 1."""

    green: float
    leaves: float
    soil: RGB


def random_seasons(rng: np.random.Generator) -> tuple[Season, Season]:
    """Draw the seasons of two dates that differ clearly; the soil is the same."""
    soils = ((202, 184, 152), (184, 158, 126), (172, 138, 108), (190, 178, 158))
    red, green, blue = soils[rng.integers(len(soils))]
    soil = (float(red), float(green), float(blue))
    first = rng.uniform(0, 1)
    second = (first + rng.uniform(0.3, 0.7)) % 1
    return _season(rng, first, soil), _season(rng, second, soil)


def _season(rng: np.random.Generator, green: float, soil: RGB) -> Season:
    leaves = float(np.clip(green * 1.3 + rng.uniform(-0.1, 0.5), 0.15, 1))
    drift = rng.uniform(0.93, 1.05)
    return Season(float(green), leaves, (soil[0] * drift, soil[1] * drift, soil[2] * drift))


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Blend two colours; `share` is that of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def grass(season: Season, lushness: float) -> tuple[RGB, RGB]:
    """Two colours of a meadow or lawn; a lush one is watered and keeps its green."""
    green = 0.65 * season.green + 0.35 * lushness
    dry, fresh = (156.0, 138.0, 106.0), (84.0, 102.0, 58.0)
    return mix(dry, fresh, green), mix((128.0, 116.0, 84.0), (70.0, 84.0, 50.0), green)


def scrub(season: Season, wetness: float) -> tuple[RGB, RGB]:
    """Two colours of open land: dry stalks and darker growth."""
    green = 0.8 * season.green * (0.5 + wetness)
    dry, fresh = (146.0, 126.0, 98.0), (106.0, 108.0, 74.0)
    return mix(dry, fresh, min(green, 1)), mix(
        (100.0, 86.0, 66.0), (68.0, 74.0, 48.0), min(green, 1)
    )


def leaves(season: Season, evergreen: bool, shade: int) -> RGB:
    """Colour of a crown; `shade` 0 .. 3 tells neighbours apart."""
    lightness = 0.86 + 0.11 * shade
    fresh = mix((104.0, 92.0, 66.0), (72.0, 86.0, 48.0), season.leaves)
    base = mix((62.0, 70.0, 48.0), (54.0, 68.0, 42.0), season.green) if evergreen else fresh
    return base[0] * lightness, base[1] * lightness, base[2] * lightness


@dataclass(frozen=True)
class Tree:
    """A crown; `evergreen` ones keep their leaves, and `shade` 0 .. 3 tells neighbours apart."""

    x: float
    y: float
    radius: float
    height: float
    evergreen: bool
    shade: int


def stamp_tree(
    surface: Surface, tree: Tree, lumps: np.ndarray, cover: float, material: int
) -> None:
    """Draw one crown.

    Args:
        surface: What to draw on.
        tree: What to draw.
        lumps: Noise as large as the surface: where leaves gather.
        cover: Share of the crown that has leaves at this date.
        material: Colour of its leaves.
    """
    window = surface.window(tree.x, tree.y, tree.radius * 1.25)
    if window is None:
        return
    right, down = surface.local_axes(window, tree.x, tree.y)
    lump = lumps[window]
    ragged = (right * right + down * down) / tree.radius**2 * (1 + 0.22 * lump) + 0.08 * lump
    inside = ragged < 1
    if cover < 1:
        inside &= lump < 2.2 * cover - 0.6
    dome = np.sqrt(np.clip(1 - ragged, 0, 1))
    relief = min(1.0, tree.radius / 6)
    height = tree.height * (0.45 + 0.55 * dome) - relief * lump
    if height.shape[0] < 2 or height.shape[1] < 2:
        return
    slope_y, slope_x = np.gradient(height * OVERSAMPLING * 0.6)
    slopes = np.clip(slope_x, -1.4, 1.4), np.clip(slope_y, -1.4, 1.4)
    tint = np.clip(1 - 0.22 * lump, 0.5, 1.6)
    surface.put(window, inside, height, material, slopes, tint)


def plant(
    rng: np.random.Generator, plan: Plan, size: int
) -> tuple[tuple[Tree, ...], tuple[Tree, ...]]:
    """Choose the trees of both dates: in groves, clear of roads and roofs.

    Most trees stand at both dates. Where something is built they are felled, and a few come or go
    anywhere.
    """
    side = size + 2 * MARGIN
    room = [clearance(plan, date, side) for date in (0, 1)]
    trees: tuple[list[Tree], list[Tree]] = ([], [])
    for tree in (*_grove_trees(rng, plan, side), *_garden_trees(rng, plan)):
        column, row = int(tree.x + MARGIN), int(tree.y + MARGIN)
        whim, growth = rng.random(2)
        if not (0 <= column < side and 0 <= row < side):
            continue
        fits = [bool(room[date][row, column] > 0.75 * tree.radius) for date in (0, 1)]
        if not all(fits) and whim < 0.4:
            continue
        older = replace(tree, radius=tree.radius * (1 + 0.15 * growth))
        if fits[0] and not 0.97 < whim < 0.985:
            trees[0].append(tree)
        if fits[1] and not whim > 0.985:
            trees[1].append(older)
    return tuple(trees[0]), tuple(trees[1])


def _grove_trees(rng: np.random.Generator, plan: Plan, side: int) -> Iterator[Tree]:
    """Trees of open land, crowded where a noise is high."""
    groves = fractal_noise(rng, (side, side), coarsest=64, finest=8)
    # About half of the candidates are dropped.
    for _ in range(int(plan.tree_density * (side / 100) ** 2 * 2)):
        x, y = rng.uniform(0, side, 2)
        radius = rng.uniform(1.2, 3) if rng.random() < 0.45 else rng.uniform(3.5, 9)
        if groves[int(y), int(x)] >= rng.normal(0.2, 0.7):
            yield _random_tree(rng, x - MARGIN, y - MARGIN, radius)


def _garden_trees(rng: np.random.Generator, plan: Plan) -> Iterator[Tree]:
    """Young trees along the streets and shrubs around the houses."""
    for lot in plan.lots:
        plot = lot.plot
        if rng.random() < 0.5:
            spot = plot.offset(plot.half_length * rng.uniform(-1, 1), -plot.half_width - 6)
            yield _random_tree(rng, *spot, rng.uniform(1.8, 5))
        for _ in range(rng.integers(0, 7)):
            along, across = rng.uniform(-1, 1, 2) * (plot.half_length, plot.half_width + 3)
            yield _random_tree(rng, *plot.offset(along, across), rng.uniform(0.9, 1.7))


def _random_tree(rng: np.random.Generator, x: float, y: float, radius: float) -> Tree:
    height = radius * rng.uniform(1.3, 1.9)
    evergreen, shade = bool(rng.random() < 0.5), int(rng.integers(4))
    return Tree(float(x), float(y), float(radius), float(height), evergreen, shade)


def clearance(plan: Plan, date: int, side: int) -> np.ndarray:
    """Distance of each pixel to the next road, drive or roof."""
    free = np.full((side, side), 255, np.uint8)

    def outline(points: np.ndarray) -> np.ndarray:
        return np.round(points + MARGIN).astype(np.int32).reshape(-1, 1, 2)

    for street in plan.streets if plan.opened[date] else ():
        cv2.polylines(free, [outline(street.centreline)], False, 0, round(plan.road_width + 2))
    for lot in plan.lots:
        state = lot.states[date]
        if state.building is not None:
            cv2.fillPoly(free, [outline(lot.drive)], 0)
            for wing in state.building.wings:
                cv2.fillPoly(free, [outline(wing.box.corners(1.0))], 0)
        if state.ground == 'paved':
            cv2.fillPoly(free, [outline(lot.yard.corners())], 0)
    return cv2.distanceTransform(free, cv2.DIST_L2, 3)
