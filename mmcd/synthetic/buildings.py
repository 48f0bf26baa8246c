"""Buildings: their shapes, roofs and colours, and how a roof is stamped on a surface."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmcd.synthetic.geometry import Box
from mmcd.synthetic.surface import RGB, Palette, Surface

# Roof colours with their shares: from above, most roofs are weathered greys and browns.
SHINGLES: tuple[tuple[RGB, float], ...] = (
    ((122, 117, 110), 0.20),
    ((98, 94, 91), 0.18),
    ((140, 127, 112), 0.14),
    ((112, 100, 88), 0.14),
    ((78, 77, 80), 0.10),
    ((160, 148, 132), 0.08),
    ((146, 100, 82), 0.07),
    ((112, 119, 124), 0.05),
    ((182, 178, 170), 0.06),
)
SHEETS: tuple[tuple[RGB, float], ...] = (
    ((222, 221, 217), 0.34),
    ((190, 190, 187), 0.22),
    ((158, 160, 160), 0.16),
    ((203, 195, 180), 0.12),
    ((128, 130, 132), 0.08),
    ((126, 138, 148), 0.04),
    ((146, 104, 90), 0.02),
)


@dataclass(frozen=True)
class Wing:
    """One rectangle of a building with its roof: 'hip', 'gable' or 'flat'."""

    box: Box
    roof: str
    eaves: float
    slope: float


@dataclass(frozen=True)
class Building:
    """Wings under one roof colour, and machines or skylights on it."""

    wings: tuple[Wing, ...]
    colour: RGB
    ribbed: bool
    fittings: tuple[tuple[Box, float, RGB], ...] = ()


def pick_colour(
    rng: np.random.Generator, table: tuple[tuple[RGB, float], ...], spread: float = 7.0
) -> RGB:
    """Draw a colour by its share and vary it a little."""
    shares = np.array([share for _, share in table])
    colour = np.array(table[rng.choice(len(table), p=shares / shares.sum())][0], dtype=float)
    colour = colour + rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    red, green, blue = np.clip(colour, 20, 245)
    return float(red), float(green), float(blue)


def random_house(rng: np.random.Generator, plot: Box) -> Building:
    """Make a dwelling of one to three wings that stays within a plot.

    Args:
        rng: Source of randomness.
        plot: Room for the house; its length runs along the street, its negative side faces it.
    """
    eaves = 5.5 if rng.random() < 0.65 else 10.5
    slope = rng.uniform(0.4, 0.65)
    kind = 'hip' if rng.random() < 0.65 else 'gable'
    half_length = min(plot.half_length, rng.uniform(14, 19))
    half_width = min(plot.half_width, rng.uniform(10.5, 14))
    main = plot.inner(rng.uniform(-2, 2), rng.uniform(-1, 2), half_length, half_width)
    wings = [Wing(main, kind, eaves, slope)]
    for side in (-1, 1):
        if rng.random() < 0.7:
            wings.append(_side_wing(rng, main, plot, kind, eaves, slope, side))
    fittings = []
    for grey in (90.0, 200.0)[: rng.integers(0, 3)]:
        spot = rng.uniform(-0.6, 0.6, 2) * (half_length, half_width)
        fittings.append((main.inner(spot[0], spot[1], 0.8, 0.8), 2.0, (grey, grey, grey)))
    return Building(tuple(wings), pick_colour(rng, SHINGLES), rng.random() < 0.08, tuple(fittings))


def _side_wing(
    rng: np.random.Generator, main: Box, plot: Box, kind: str, eaves: float, slope: float, side: int
) -> Wing:
    """A wing across the main one, to the street (side -1: a garage) or the garden (side 1)."""
    half = rng.uniform(5.5, 8.0)
    room = max(plot.half_width - main.half_width, 2.0)
    reach = rng.uniform(0.4, 1.0) * room + main.half_width / 2
    along = rng.choice((-1, 1)) * rng.uniform(0.4, 1.0) * (main.half_length - half)
    across = side * (main.half_width + reach - main.half_width / 2) / 2 * 1.25
    low = min(eaves, 5.5)
    return Wing(main.inner(along, across, reach, half, np.pi / 2), kind, low, slope)


def random_hall(rng: np.random.Generator, plot: Box) -> Building:
    """Make a large building, a shop, hall or school, of one or two wings that fills a plot."""
    roof = 'flat' if rng.random() < 0.6 else 'gable'
    eaves, slope = rng.uniform(10, 16), rng.uniform(0.06, 0.2)
    half_length = plot.half_length * rng.uniform(0.65, 1.0)
    half_width = plot.half_width * rng.uniform(0.55, 0.9)
    main = plot.inner(0, 0, half_length, half_width)
    wings = [Wing(main, roof, eaves, slope)]
    if rng.random() < 0.5:
        reach = half_width * rng.uniform(0.3, 0.6)
        across = plot.half_width - reach
        along = rng.choice((-1, 1)) * half_length * rng.uniform(0.2, 0.6)
        low = Wing(plot.inner(along, across, half_length * 0.4, reach), roof, eaves - 3, slope)
        wings.append(low)
    fittings = []
    for _ in range(int(rng.integers(2, 9))):
        spot = rng.uniform(-0.8, 0.8, 2) * (half_length, half_width)
        grey = rng.choice((95.0, 150.0, 225.0))
        half = rng.uniform(1.0, 2.6, 2)
        fittings.append((main.inner(*spot, *half), rng.uniform(0.6, 2.5), (grey, grey, grey)))
    colour = pick_colour(rng, SHEETS)
    return Building(tuple(wings), colour, roof == 'gable' and rng.random() < 0.8, tuple(fittings))


def extended(rng: np.random.Generator, building: Building, plot: Box) -> Building:
    """The same building with one more wing, between its main one and the back of the plot."""
    main = building.wings[0]
    half_length = main.box.half_length * rng.uniform(0.45, 0.75)
    along = rng.choice((-1, 1)) * (plot.half_length - half_length - 1)
    reach = rng.uniform(0.4, 0.5) * plot.half_width
    box = plot.inner(along, plot.half_width + 2 - reach, half_length, reach)
    wing = replace(main, box=box, eaves=main.eaves - 0.5)
    return replace(building, wings=(*building.wings, wing))


def stamp_building(surface: Surface, building: Building, palette: Palette, weather: float) -> None:
    """Draw a building and mark its footprint.

    Args:
        surface: What to draw on.
        building: What to draw.
        palette: Where its colours are registered.
        weather: Factor on the roof's colour at this date.
    """
    red, green, blue = (min(255.0, value * weather) for value in building.colour)
    colour = (red, green, blue)
    smooth = building.ribbed or building.wings[0].roof == 'flat'
    worn = 0.975 if smooth else 0.86
    roof = palette.add(colour, (red * worn, green * worn, blue * worn), 0.025 if smooth else 0.09)
    for wing in building.wings:
        _stamp_wing(surface, wing, roof, building.ribbed)
    top = max(wing.eaves for wing in building.wings)
    for box, height, shade in building.fittings:
        rise = building.wings[0].slope * building.wings[0].box.half_width
        flat = building.wings[0].roof == 'flat'
        surface.put_box(box, top + height + (0 if flat else rise), palette.add(shade))


def _stamp_wing(surface: Surface, wing: Wing, material: int, ribbed: bool) -> None:
    box = wing.box
    window = surface.window(box.x, box.y, float(np.hypot(box.half_length, box.half_width)))
    if window is None:
        return
    along, across = surface.local_axes(window, box.x, box.y, box.heading)
    to_end, to_side = box.half_length - np.abs(along), box.half_width - np.abs(across)
    inside = (to_end >= 0) & (to_side >= 0)
    surface.footprint[window] |= inside
    if wing.roof == 'flat':
        parapet = np.minimum(to_end, to_side) < 1.2
        height, tint = wing.eaves + 0.8 * parapet, 1 + 0.1 * parapet
        surface.put(window, inside, height, material, tint=tint)
        return
    on_end = (to_end < to_side) if wing.roof == 'hip' else np.zeros_like(inside)
    height = wing.eaves + wing.slope * np.where(on_end, to_end, to_side)
    fall_along = np.where(on_end, -wing.slope * np.sign(along), 0)
    fall_across = np.where(on_end, 0, -wing.slope * np.sign(across))
    cos, sin = np.cos(box.heading), np.sin(box.heading)
    slopes = cos * fall_along - sin * fall_across, sin * fall_along + cos * fall_across
    # Sheets show their ribs down the slope, shingles their rows along it.
    course = along if ribbed else np.where(on_end, along, across)
    tint = 1 + (0.05 if ribbed else 0.025) * np.sin(course * (2 * np.pi / (3.0 if ribbed else 2.2)))
    surface.put(window, inside, height, material, slopes, tint)
