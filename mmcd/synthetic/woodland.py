"""Forests and scrub: thousands of crowns, stamped from a stock of ready-made ones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from mmcd.synthetic.geometry import MARGIN, OVERSAMPLING
from mmcd.synthetic.noise import fractal_noise
from mmcd.synthetic.scene_plan import Plan
from mmcd.synthetic.surface import RGB, Palette, Surface
from mmcd.synthetic.vegetation import Season, clearance, mix

# Radii of the crowns in stock, in raster pixels: neighbours differ by about a fifth.
RADII = (2, 3, 4, 5, 6, 7, 9, 11, 13, 16, 19, 23, 28)
VARIANTS = 6
STOCK_SEED = 20
SHADES = 4  # of the leaves, which tell neighbouring crowns apart
CLEARED = 0.88  # of the trees where a lot is laid out are felled


@dataclass(frozen=True)
class Crown:
    """A crown as it is stamped; each (L, L), about its middle.

    `lumps` are low where leaves gather; heights and slopes have no unit and scene pixels.
    """

    height: np.ndarray
    slope_x: np.ndarray
    slope_y: np.ndarray
    tint: np.ndarray
    lumps: np.ndarray


@dataclass(frozen=True)
class Trees:
    """All trees of one date; each (L,).

    Positions and radii are in scene pixels; `kind` is the crown's variant, `shade` 0 .. 3, and
    `evergreen` 0 or 1.
    """

    x: np.ndarray
    y: np.ndarray
    radius: np.ndarray
    kind: np.ndarray
    shade: np.ndarray
    evergreen: np.ndarray


@cache
def crown(radius: int, variant: int) -> Crown:
    """A crown of the stock; it depends on nothing else.

    Args:
        radius: In raster pixels.
        variant: Which of those of one radius.
    """
    rng = np.random.default_rng((STOCK_SEED, radius, variant))
    reach = int(np.ceil(radius * 1.25))
    side = 2 * reach + 1
    lumps = fractal_noise(rng, (side, side), coarsest=8, finest=2, persistence=0.7)
    axis = np.arange(-reach, reach + 1, dtype=np.float32)
    stretch = rng.uniform(0.85, 1.15)
    square = (axis[None] * stretch) ** 2 + (axis[:, None] / stretch) ** 2
    ragged = square / radius**2 * (1 + 0.22 * lumps) + 0.08 * lumps
    dome = np.sqrt(np.clip(1 - ragged, 0, 1))
    tall = radius / OVERSAMPLING * rng.uniform(1.3, 1.9)
    height = tall * (0.45 + 0.55 * dome) - min(1.0, radius / OVERSAMPLING / 6) * lumps
    slope_y, slope_x = (np.clip(s, -1, 1) for s in np.gradient(height * OVERSAMPLING * 0.5))
    height[ragged >= 1] = -1  # below the ground, where nothing is put
    tint = np.clip(1 - 0.22 * lumps, 0.5, 1.6)
    return Crown(
        *(np.asarray(part, np.float32) for part in (height, slope_x, slope_y, tint, lumps))
    )


def plant_woods(rng: np.random.Generator, plan: Plan, size: int) -> tuple[Trees, Trees]:
    """Choose the trees of both dates, clear of roads and roofs, and few where lots are laid out.

    Crowns grow, move a little (as an oblique view shows them) and a few come or go by themselves.

    Args:
        rng: Source of randomness of the place.
        plan: What lies where.
        size: Side of the scene in pixels.
    """
    side = size + 2 * MARGIN
    count = int(plan.tree_density * (side / 100) ** 2)
    x, y = rng.uniform(0, side, (2, count))
    small = rng.random(count) < rng.uniform(0.1, 0.7)
    large = rng.uniform(3, rng.uniform(5, 12), count)
    radius = np.where(small, rng.uniform(1.2, 3.2, count), large)
    groves = fractal_noise(rng, (side, side), coarsest=128, finest=8)
    column, row = x.astype(int), y.astype(int)
    stands = groves[row, column] > rng.normal(rng.uniform(-1.2, 0.8), 0.45, count)
    whim, felled = rng.random((2, count))
    kind, shade = rng.integers(VARIANTS, size=count), rng.integers(SHADES, size=count)
    evergreen = (rng.random(count) < rng.uniform(0, 1)).astype(int)
    loss = rng.uniform(0, 0.06)
    dates = []
    for date in (0, 1):
        room, laid_out = clearance(plan, date, side)[row, column], _laid_out(plan, date, side)
        there = stands & (room > 0.7 * radius) & ((felled > CLEARED) | ~laid_out[row, column])
        there &= ~((whim > date * loss) & (whim < (date + 1) * loss))
        grown = radius * (1 + 0.1 * date) * np.exp(rng.normal(0, 0.07, count))
        drift = rng.normal(0, 0.4, (2, count))
        columns = (x - MARGIN + drift[0], y - MARGIN + drift[1], grown, kind, shade, evergreen)
        dates.append(Trees(*(column[there] for column in columns)))
    return dates[0], dates[1]


def _laid_out(plan: Plan, date: int, side: int) -> np.ndarray:
    """Where lots are cleared at a date: (side, side) bool."""
    grown, bare = ('wild', 'scrub'), ('water', 'asphalt', 'field', 'earth')
    outlines = [lot.outline for lot in plan.lots if lot.states[date].ground not in grown]
    outlines += [patch.outline for patch in plan.patches if patch.grounds[date] in bare]
    cleared = np.zeros((side, side), np.uint8)
    for outline in outlines:
        corners = np.round(outline + MARGIN).astype(np.int32).reshape(-1, 1, 2)
        cv2.fillPoly(cleared, [corners], 1)
    return cleared > 0


def stamp_woods(surface: Surface, trees: Trees, season: Season, palette: Palette) -> None:
    """Draw all trees of a date.

    Args:
        surface: What to draw on.
        trees: What to draw.
        season: The time of year: what the leaves look like, and how many there are.
        palette: Where their colours are registered.
    """
    materials = [
        [
            palette.add(foliage(season, bool(evergreen), shade), grain=0.14)
            for shade in range(SHADES)
        ]
        for evergreen in (0, 1)
    ]
    sizes = np.searchsorted(RADII, trees.radius * OVERSAMPLING * 0.92).clip(0, len(RADII) - 1)
    spots = np.round(surface.raster.pixels(np.stack([trees.x, trees.y], axis=-1))).astype(int)
    for index, (column, row) in enumerate(spots):
        evergreen = int(trees.evergreen[index])
        cover = 1.0 if evergreen else season.leaves
        shape = crown(RADII[sizes[index]], int(trees.kind[index]))
        _stamp(surface, shape, row, column, cover, materials[evergreen][int(trees.shade[index])])


def _stamp(
    surface: Surface, shape: Crown, row: int, column: int, cover: float, material: int
) -> None:
    reach = shape.height.shape[0] // 2
    height, width = surface.raster.shape
    top, left = row - reach, column - reach
    rows = slice(max(0, top), min(height, row + reach + 1))
    columns = slice(max(0, left), min(width, column + reach + 1))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    part = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    where = shape.height[part] > 0
    if cover < 1:
        where &= shape.lumps[part] < 2.2 * cover - 0.6
    slopes = shape.slope_x[part], shape.slope_y[part]
    surface.put((rows, columns), where, shape.height[part], material, slopes, shape.tint[part])


def foliage(season: Season, evergreen: bool, shade: int) -> RGB:
    """Colour of a crown: dark, as most are from above; brown and grey twigs in winter."""
    lightness = 0.84 + 0.14 * shade
    fresh = mix((96.0, 86.0, 72.0), (58.0, 76.0, 44.0), season.leaves)
    base = mix((48.0, 58.0, 42.0), (40.0, 60.0, 38.0), season.green) if evergreen else fresh
    return base[0] * lightness, base[1] * lightness, base[2] * lightness
