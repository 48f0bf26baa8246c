"""The plan of a scene: streets, lots and what stands on them, tracks through open land."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mmcd.synthetic.buildings import Building, extended, random_hall, random_house
from mmcd.synthetic.geometry import MARGIN, Box, StreetFrame

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
    """A lot at one date: its building, if any, and ground: lawn, earth, scrub, paved or wild.

    `slab` is a building of which only the floor is there, which is none yet.
    """

    building: Building | None
    ground: str
    slab: Building | None = None


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
    vacant = open_ground(rng)
    vacant_later = open_ground(rng) if rng.random() < 0.5 else vacant
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


def open_ground(rng: np.random.Generator) -> str:
    """Draw what lies on a lot without a building."""
    return str(rng.choice(('earth', 'lawn', 'scrub'), p=(0.4, 0.25, 0.35)))


# How often each kind is drawn: settled suburb, new estate, business park, hamlet.
NEIGHBOURHOODS: tuple[tuple[float, Neighbourhood], ...] = (
    (0.44, Neighbourhood((40, 54), (50, 64), (13, 18), 0.88, (0.25, 0.8), (6, 32))),
    (0.2, Neighbourhood((38, 48), (46, 58), (14, 18), 0.92, (0.5, 1.0), (3, 24), unopened=0.5)),
    (0.18, Neighbourhood((95, 150), (85, 115), (16, 24), 0.85, (0.25, 0.7), (3, 12), halls=True)),
    (0.18, Neighbourhood((62, 100), (70, 105), (8, 12), 0.7, (0.4, 1.0), (20, 75))),
)
UNCHANGED_SHARE = 0.15  # of the scenes have no change at all
BULB = 17.0  # radius of a cul-de-sac's turning circle


@dataclass(frozen=True)
class Street:
    """A road along a centre line, (L, 2); one with a `bulb` ends in a turning circle."""

    centreline: np.ndarray
    bulb: bool = False


@dataclass(frozen=True)
class Patch:
    """A piece of open land: its border, (L, 2), and what it is before and after.

    `lushness` tells patches of one kind apart; `rows` is the spacing of furrows or of the marks of
    graders in pixels, 0 for none, and `heading` their direction.
    """

    outline: np.ndarray
    grounds: tuple[str, str]
    lushness: float
    rows: float = 0.0
    heading: float = 0.0


@dataclass(frozen=True)
class Plan:
    """All that is laid out.

    `opened` says at which dates the streets are there, `worn` whether their asphalt is old and
    light, `footpaths` whether they have any, `wetness` how green open land is.
    """

    streets: tuple[Street, ...]
    road_width: float
    opened: tuple[bool, bool]
    worn: bool
    footpaths: bool
    lots: tuple[Lot, ...]
    tracks: tuple[np.ndarray, ...]
    tree_density: float
    wetness: float
    patches: tuple[Patch, ...] = ()


def random_plan(rng: np.random.Generator, size: int) -> Plan:
    """Draw a quarter with its change between the dates.

    Args:
        rng: Source of randomness.
        size: Side of the image in pixels.
    """
    quarter = random_quarter(rng, size, NEIGHBOURHOODS, UNCHANGED_SHARE)
    streets, lots = lay_out(rng, quarter, size)
    return Plan(
        streets=tuple(streets),
        road_width=quarter.road_width,
        opened=quarter.opened,
        worn=bool(rng.random() < 0.55),
        footpaths=quarter.road_width > 12.5 and bool(rng.random() < 0.65),
        lots=tuple(lots),
        tracks=tuple(random_track(rng, size) for _ in range(rng.integers(0, 4))),
        tree_density=float(rng.uniform(*quarter.kind.woods)),
        wetness=float(rng.uniform(0, 1)),
    )


def random_quarter(
    rng: np.random.Generator,
    size: int,
    kinds: tuple[tuple[float, Neighbourhood], ...],
    unchanged: float,
    *,
    bend: tuple[float, float] = (6, 28),
    bend_length: tuple[float, float] = (70, 110),
) -> Quarter:
    """Draw a quarter of one of several kinds.

    Args:
        rng: Source of randomness.
        size: Side of the scene in pixels.
        kinds: Each with how often it is drawn.
        unchanged: Share of quarters in which no building changes.
        bend: Range of how far winding streets leave the straight line, in pixels.
        bend_length: Range of the length of their bends in pixels.
    """
    kind = kinds[rng.choice(len(kinds), p=[share for share, _ in kinds])][1]
    changing = 0.0 if rng.random() < unchanged else float(rng.uniform(*kind.changing))
    frame = StreetFrame(
        origin=(size * rng.uniform(0.2, 0.8), size * rng.uniform(0.2, 0.8)),
        angle=float(rng.uniform(0, 2 * np.pi)),
        bend=float(rng.choice((0, 1)) * rng.uniform(*bend)),
        bend_length=float(rng.uniform(*bend_length)),
        bend_phase=float(rng.uniform(0, 2 * np.pi)),
    )
    road_width, lot_depth = rng.uniform(*kind.road_width), rng.uniform(*kind.lot_depth)
    opened = (changing == 0 or rng.random() >= kind.unopened, True)
    return Quarter(kind, frame, float(road_width), float(lot_depth), changing, opened)


def lay_out(
    rng: np.random.Generator, quarter: Quarter, size: int
) -> tuple[list[Street], list[Lot]]:
    """Draw the streets and the lots of a quarter."""
    reach = 0.75 * size + MARGIN
    crossing = float(rng.uniform(-0.4, 0.4) * size) if rng.random() < 0.55 else None
    streets: list[Street] = []
    lots: list[Lot] = []
    block = 2 * (quarter.lot_depth + VERGE) + quarter.road_width
    for across in np.arange(-reach - block, reach + block, block):
        closed = quarter.road_width > 12.5 and rng.random() < 0.25
        end = float(rng.uniform(-0.1, 0.5) * size) if closed else reach
        run = np.arange(-reach, end, 6.0)
        streets.append(Street(quarter.frame.points(run, across), bulb=closed))
        lots += _lots_along(rng, quarter, across, _free_runs(quarter, reach, end, crossing), size)
    if crossing is not None:
        streets.append(Street(quarter.frame.points(crossing, np.arange(-reach, reach, 6.0))))
    return streets, lots


def _free_runs(
    quarter: Quarter, reach: float, end: float, crossing: float | None
) -> list[tuple[float, float]]:
    """Where lots can lie along a street: not on the cross street nor at the turning circle."""
    last = end - BULB if end < reach else reach
    if crossing is None or crossing > last:
        return [(-reach, last)]
    clear = quarter.road_width / 2 + VERGE
    return [(-reach, crossing - clear), (crossing + clear, last)]


def _lots_along(
    rng: np.random.Generator,
    quarter: Quarter,
    across: float,
    runs: list[tuple[float, float]],
    size: int,
) -> Iterator[Lot]:
    """Fill both sides of a street with lots as far as they are in view."""
    for side in (-1, 1):
        near = across + side * (quarter.road_width / 2 + VERGE)
        for run in runs:
            for span in _divide(rng, run, quarter.kind.lot_width):
                outline = quarter.frame.strip(span, (near, near + side * quarter.lot_depth))
                low, high = outline.min(axis=0), outline.max(axis=0)
                if (high > -MARGIN).all() and (low < size + MARGIN).all():
                    yield random_lot(rng, quarter, span, near, side, outline)


def _divide(
    rng: np.random.Generator, run: tuple[float, float], widths: tuple[float, float]
) -> Iterator[tuple[float, float]]:
    start = run[0]
    while start + widths[0] <= run[1]:
        end = min(start + rng.uniform(*widths), run[1])
        yield start, end
        start = end


def random_track(rng: np.random.Generator, size: int) -> np.ndarray:
    """A winding track, (L, 2), that vehicles or cattle have worn into open land."""
    steps = np.cumsum(rng.normal(0, 0.16, 40)) * 0.7 + rng.uniform(0, 2 * np.pi)
    walk = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], axis=-1) * size / 20, axis=0)
    return walk - walk[20] + rng.uniform(0, size, 2)
