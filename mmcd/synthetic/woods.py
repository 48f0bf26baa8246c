"""Where trees and shrubs grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from .geometry import MARGIN
from .layout import Plan
from .noise import fractal_noise
from .vegetation import Tree


def plant(
    rng: np.random.Generator, plan: Plan, size: int
) -> tuple[tuple[Tree, ...], tuple[Tree, ...]]:
    """Choose the trees of both dates: in groves, clear of roads and roofs.

    Most trees stand at both dates. Where something is built they are felled, and a few come or go
    anywhere.
    """
    side = size + 2 * MARGIN
    room = [_clearance(plan, date, side) for date in (0, 1)]
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


def _clearance(plan: Plan, date: int, side: int) -> np.ndarray:
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
