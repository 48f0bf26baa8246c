"""Cars: on streets, drives and stalls, elsewhere at each date."""

from __future__ import annotations

import numpy as np

from mmcd.synthetic.geometry import Box
from mmcd.synthetic.scene_plan import Lot, Plan, Street
from mmcd.synthetic.surface import RGB, Palette, Surface
from mmcd.synthetic.vegetation import mix

PAINTS: tuple[RGB, ...] = (
    (232, 232, 230),
    (188, 190, 192),
    (58, 58, 62),
    (96, 98, 102),
    (150, 46, 40),
    (50, 66, 104),
    (168, 156, 132),
)


def park_cars(
    surface: Surface, plan: Plan, date: int, palette: Palette, rng: np.random.Generator
) -> None:
    """Draw the cars of one date.

    Args:
        surface: What to draw on.
        plan: Where streets and lots are.
        date: 0 for before, 1 for after.
        palette: Where colours are registered.
        rng: Source of randomness of this date.
    """
    for street in plan.streets if plan.opened[date] else ():
        _drive_along(surface, street, plan.road_width, palette, rng)
    for lot in plan.lots:
        if lot.states[date].ground == 'paved':
            _fill_stalls(surface, lot, palette, rng)
        elif lot.states[date].building is not None and rng.random() < 0.45:
            middle = lot.drive.mean(axis=0)
            across = lot.plot.heading + np.pi / 2
            _car(surface, middle[0], middle[1], across, palette, rng)


def _drive_along(
    surface: Surface, street: Street, width: float, palette: Palette, rng: np.random.Generator
) -> None:
    for spot in rng.integers(0, len(street.centreline) - 1, rng.integers(0, 9)):
        here, there = street.centreline[spot : spot + 2]
        right, down = there - here
        heading = float(np.arctan2(down, right))
        aside = rng.choice((-1, 1)) * width * rng.choice((0.22, 0.38))
        x, y = here[0] - np.sin(heading) * aside, here[1] + np.cos(heading) * aside
        _car(surface, x, y, heading, palette, rng)


def _fill_stalls(surface: Surface, lot: Lot, palette: Palette, rng: np.random.Generator) -> None:
    busy = rng.uniform(0, 0.9)
    plot = lot.plot
    for along in np.arange(-plot.half_length, plot.half_length - 5, 5.5):
        if rng.random() < busy:
            x, y = plot.offset(along + 2.75, -plot.half_width - 9 + rng.normal(0, 0.4))
            _car(surface, x, y, plot.heading + np.pi / 2, palette, rng)


def _car(
    surface: Surface, x: float, y: float, heading: float, palette: Palette, rng: np.random.Generator
) -> None:
    body = Box(float(x), float(y), rng.uniform(4.0, 5.0), rng.uniform(1.7, 2.0), heading)
    kind = rng.integers(len(PAINTS))
    paint = palette.add(PAINTS[kind], grain=0.0)
    surface.put_box(body, 2.0, paint)
    glass = palette.add(mix(PAINTS[kind], (46, 52, 58), 0.65), grain=0.0)
    surface.put_box(body.inner(0.9, 0, 0.7, 1.4), 2.6, glass)
    surface.put_box(body.inner(-1.2, 0, 1.5, 1.45), 2.9, paint)
