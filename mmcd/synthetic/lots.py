"""Lots by a street, and what stands on them before and after."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .buildings import Building, extended, random_hall, random_house
from .geometry import Box, StreetFrame

VERGE = 6.0  # from the kerb to the lots: grass and a footpath


@dataclass(frozen=True)
class Neighbourhood:
    """What a kind of quarter looks like: ranges of sizes in pixels, and shares of things."""

    lot_width: tuple[float, float]
    lot_depth: tuple[float, float]
    road_width: tuple[float, float]
    occupied: float  # of the lots carry a building at some date
    changing: tuple[float, float]  # of these change, when the scene has change
    woods: tuple[float, float]  # trees on each 100 x 100 pixels
    halls: bool = False
    unopened: float = 0.0  # chance that the streets come only with the second date


@dataclass(frozen=True)
class Quarter:
    """One neighbourhood as it is laid out in a scene.

    `opened` says at which dates its streets are there; `changing` is the share of buildings that
    change.
    """

    kind: Neighbourhood
    frame: StreetFrame
    road_width: float
    lot_depth: float
    changing: float
    opened: tuple[bool, bool]


@dataclass(frozen=True)
class LotState:
    """A lot at one date: its building, if any, and ground: lawn, earth, scrub, paved or wild."""

    building: Building | None
    ground: str


@dataclass(frozen=True)
class Lot:
    """A parcel by a street; `states` are those before and after."""

    outline: np.ndarray
    plot: Box
    drive: np.ndarray
    states: tuple[LotState, LotState]
    lushness: float
    fenced: bool
    pool: Box | None

    @property
    def yard(self) -> Box:
        """What is paved around a hall: its plot, the stalls in front of it and a lane."""
        plot = self.plot
        return plot.inner(0, -8, plot.half_length + 5, plot.half_width + 11)


def random_lot(
    rng: np.random.Generator,
    quarter: Quarter,
    span: tuple[float, float],
    near: float,
    side: int,
    outline: np.ndarray,
) -> Lot:
    """Draw one lot.

    Args:
        rng: Source of randomness.
        quarter: Where it lies.
        span: Its begin and end along the street.
        near: Its street side, as a distance across.
        side: Side of the street it lies on, -1 or 1.
        outline: Its border, (L, 2).
    """
    halls = quarter.kind.halls
    middle = (span[0] + span[1]) / 2
    setback = rng.uniform(20, 28) if halls else rng.uniform(9, 13)
    half_width = min((quarter.lot_depth - setback) / 2 - 2, 60 if halls else 19)
    half_length = (span[1] - span[0]) / 2 - (10 if halls else 3.5)
    x, y = quarter.frame.points(middle, near + side * (setback + half_width))
    heading = quarter.frame.heading(middle) + (0 if side > 0 else np.pi)
    plot = Box(float(x), float(y), half_length, half_width, float(heading))
    door = middle + rng.choice((-1, 1)) * half_length * rng.uniform(0.3, 0.65)
    lane = rng.uniform(3.5, 5.5)
    end = near + side * (setback + (2 if halls else half_width))
    pool = None
    if not halls and rng.random() < 0.1:
        pool = plot.inner(rng.uniform(-8, 8), half_width + rng.uniform(4, 7), *rng.uniform(2, 5, 2))
    return Lot(
        outline=outline,
        plot=plot,
        drive=quarter.frame.strip((door - lane, door + lane), (near - side * VERGE, end)),
        states=_random_states(rng, quarter, plot),
        lushness=float(rng.uniform(0, 1)),
        fenced=bool(rng.random() < 0.55) and not halls,
        pool=pool,
    )


def _random_states(
    rng: np.random.Generator, quarter: Quarter, plot: Box
) -> tuple[LotState, LotState]:
    """Decide what stands on a lot, and what lies around it, at each date.

    The ground is drawn apart from the change: bare plots may stay bare, and gardens be laid out,
    without a building coming or going.
    """
    kind = quarter.kind
    settled = 'paved' if kind.halls else 'lawn'
    vacant = _open_ground(rng)
    vacant_later = _open_ground(rng) if rng.random() < 0.5 else vacant
    around = settled if kind.halls or rng.random() < 0.8 else 'earth'
    if not quarter.opened[0]:
        vacant = 'wild'
    if rng.random() >= kind.occupied:
        return LotState(None, vacant), LotState(None, vacant_later)
    building = (random_hall if kind.halls else random_house)(rng, plot)
    changes, way = rng.random() < quarter.changing, rng.random()
    if not quarter.opened[0] or (changes and way < 0.72):
        return LotState(None, vacant), LotState(building, around)
    if not changes:
        later = settled if kind.halls or rng.random() < 0.85 else 'earth'
        return LotState(building, around), LotState(building, later)
    if way < 0.9:
        return LotState(building, settled), LotState(None, vacant_later)
    return LotState(building, settled), LotState(extended(rng, building, plot), settled)


def _open_ground(rng: np.random.Generator) -> str:
    return str(rng.choice(('earth', 'lawn', 'scrub'), p=(0.4, 0.25, 0.35)))
