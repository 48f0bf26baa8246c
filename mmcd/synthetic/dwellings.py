"""Buildings of more kinds than suburban houses: what each settlement is built of."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmcd.synthetic.buildings import (
    SHEETS,
    SHINGLES,
    Building,
    Wing,
    pick_colour,
    random_hall,
    random_house,
)
from mmcd.synthetic.geometry import Box
from mmcd.synthetic.surface import RGB

Table = tuple[tuple[RGB, float], ...]

DARK: Table = (
    ((74, 72, 72), 0.3),
    ((88, 84, 80), 0.3),
    ((62, 62, 66), 0.2),
    ((104, 96, 88), 0.2),
)
TILES: Table = (
    ((168, 104, 80), 0.35),
    ((148, 88, 70), 0.25),
    ((184, 128, 100), 0.2),
    ((120, 84, 74), 0.2),
)
# Sheathing and underlay of a roof that is being built.
UNFINISHED: Table = (((232, 230, 226), 0.5), ((206, 176, 130), 0.3), ((186, 196, 210), 0.2))
TABLES: tuple[Table, ...] = (SHINGLES, DARK, TILES, SHEETS)


@dataclass(frozen=True)
class Habit:
    """How a settlement builds.

    Args:
        colours: Of its roofs.
        uniform: Share of roofs in the one colour that the estate's builder chose.
        colour: That colour.
        lengths: Range of half lengths of a house in pixels.
        widths: Range of half widths of a house in pixels.
        hipped: Share of hip roofs among pitched ones.
        flat: Share of flat roofs.
        unfinished: Share of new roofs that are not finished.
    """

    colours: Table
    uniform: float
    colour: RGB
    lengths: tuple[float, float]
    widths: tuple[float, float]
    hipped: float
    flat: float
    unfinished: float


def random_habit(rng: np.random.Generator) -> Habit:
    """Draw how a settlement builds."""
    colours = TABLES[rng.choice(len(TABLES), p=(0.4, 0.32, 0.18, 0.1))]
    short, narrow = rng.uniform(9, 16), rng.uniform(7, 12)
    return Habit(
        colours=colours,
        uniform=float(rng.choice((0.0, 0.6, 0.95))),
        colour=pick_colour(rng, colours),
        lengths=(float(short), float(short + rng.uniform(2, 7))),
        widths=(float(narrow), float(narrow + rng.uniform(1, 5))),
        hipped=float(rng.choice((0.05, 0.5, 0.9))),
        flat=0.8 if rng.random() < 0.12 else 0.04,
        unfinished=float(rng.choice((0.0, 0.05, 0.3))),
    )


def random_dwelling(rng: np.random.Generator, plot: Box, habit: Habit) -> Building:
    """Make a house of a settlement that stays within a plot.

    Args:
        rng: Source of randomness.
        plot: Room for the house; its length runs along the street, its negative side faces it.
        habit: How the settlement builds.
    """
    house = random_house(rng, plot)
    length = min(plot.half_length, rng.uniform(*habit.lengths))
    width = min(plot.half_width, rng.uniform(*habit.widths))
    main = house.wings[0].box
    grow = length / main.half_length, width / main.half_width
    roof = 'hip' if rng.random() < habit.hipped else 'gable'
    roof = 'flat' if rng.random() < habit.flat else roof
    wings = [_scaled(wing, plot, grow, roof) for wing in house.wings]
    if rng.random() < 0.3:  # a simple house
        wings = wings[:1]
    elif rng.random() < 0.35:  # a dormer or a second gable across the first
        wings.append(_across(rng, wings[0]))
    colour = pick_colour(rng, habit.colours)
    if rng.random() < habit.uniform:
        red, green, blue = np.array(habit.colour) * rng.normal(1, 0.03)
        colour = (float(red), float(green), float(blue))
    fittings = house.fittings if rng.random() < 0.5 else ()
    return replace(house, wings=tuple(wings), colour=colour, fittings=fittings)


def unfinished(rng: np.random.Generator, building: Building) -> Building:
    """The same building while its roof is being laid."""
    return replace(building, colour=pick_colour(rng, UNFINISHED))


def random_block(rng: np.random.Generator, plot: Box) -> Building:
    """Make a hall, or a row of flats: long, often of two wings, with a flat or low roof."""
    if rng.random() < 0.55:
        return random_hall(rng, plot)
    half_width = min(plot.half_width, rng.uniform(11, 17))
    half_length = plot.half_length * rng.uniform(0.6, 1.0)
    aside = rng.uniform(-1, 1) * (plot.half_width - half_width)
    roof = str(rng.choice(('flat', 'hip', 'gable')))
    eaves, slope = rng.uniform(12, 24), rng.uniform(0.2, 0.5)
    wings = [Wing(plot.inner(0, aside, half_length, half_width), roof, eaves, slope)]
    if rng.random() < 0.5:
        along = rng.choice((-1, 1)) * (half_length - half_width)
        across = plot.inner(along, 0, plot.half_width, half_width, np.pi / 2)
        wings.append(Wing(across, roof, eaves, slope))
    table = TABLES[rng.choice(len(TABLES), p=(0.4, 0.15, 0.1, 0.35))]
    return Building(tuple(wings), pick_colour(rng, table), False)


def random_shed(rng: np.random.Generator, plot: Box) -> Building:
    """Make a farm building or a mobile home: narrow, with a low gable roof."""
    half_length, half_width = rng.uniform(8, 28), rng.uniform(5, 10)
    spot = rng.uniform(-0.4, 0.4, 2) * (plot.half_length, plot.half_width)
    box = plot.inner(spot[0], spot[1], half_length, half_width, rng.uniform(0, np.pi))
    table = (SHEETS, SHINGLES, DARK)[rng.integers(3)]
    wing = Wing(box, 'gable', rng.uniform(5, 10), rng.uniform(0.1, 0.4))
    return Building((wing,), pick_colour(rng, table), rng.random() < 0.5)


def _scaled(wing: Wing, plot: Box, grow: tuple[float, float], roof: str) -> Wing:
    """A wing of a house that is larger or smaller, about the middle of the plot."""
    box = wing.box
    cos, sin = np.cos(plot.heading), np.sin(plot.heading)
    right, down = box.x - plot.x, box.y - plot.y
    along, across = cos * right + sin * down, cos * down - sin * right
    turned = abs(np.sin(box.heading - plot.heading)) > 0.5
    length, width = (grow[1], grow[0]) if turned else grow
    placed = plot.inner(
        along * grow[0],
        across * grow[1],
        box.half_length * length,
        box.half_width * width,
        box.heading - plot.heading,
    )
    return replace(wing, box=placed, roof=roof)


def _across(rng: np.random.Generator, main: Wing) -> Wing:
    box = main.box
    half_width = min(box.half_length * 0.45, rng.uniform(4, 8))
    along = rng.uniform(-0.5, 0.5) * box.half_length
    reach = box.half_width * rng.uniform(0.8, 1.15)
    turned = box.inner(along, 0, reach, half_width, np.pi / 2)
    return replace(main, box=turned, eaves=main.eaves + rng.uniform(0, 2))
