"""Settlements of many forms in open land, and what happens to them between two dates."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mmcd.synthetic.buildings import Building, extended
from mmcd.synthetic.dwellings import (
    Habit,
    random_block,
    random_dwelling,
    random_habit,
    random_shed,
    unfinished,
)
from mmcd.synthetic.scene_plan import (
    Lot,
    LotState,
    Neighbourhood,
    Patch,
    Plan,
    Quarter,
    Street,
    lay_out,
    open_ground,
    random_quarter,
    random_track,
)

# How often each is drawn: dense rows of houses, suburb, business park and flats, hamlet.
FORMS: tuple[tuple[float, Neighbourhood], ...] = (
    (0.4, Neighbourhood((30, 44), (46, 58), (13, 18), 0.93, (0.4, 1.0), (0, 0), unopened=0.5)),
    (0.24, Neighbourhood((38, 54), (50, 66), (12, 18), 0.85, (0.2, 0.9), (0, 0), unopened=0.3)),
    (
        0.16,
        Neighbourhood(
            (70, 150), (70, 115), (14, 24), 0.8, (0.25, 0.9), (0, 0), halls=True, unopened=0.3
        ),
    ),
    (0.2, Neighbourhood((60, 120), (70, 120), (8, 13), 0.6, (0.2, 0.9), (0, 0), unopened=0.15)),
)
UNCHANGED = 0.14  # share of settlements in which nothing is built or pulled down
# Trees on each 100 x 100 pixels: bare land, scattered trees, groves, forest.
WOODS = ((0.2, (2, 20)), (0.35, (20, 90)), (0.25, (90, 200)), (0.2, (200, 380)))


@dataclass(frozen=True)
class Fate:
    """What a settlement was and becomes.

    Args:
        ground: What lay where its lots are, when its streets come with the second date only.
        vanishing: Share of its changing buildings that are pulled down.
        extending: Share of its changing buildings that are extended.
        slabs: Share of the lots without a building that have a floor.
        earthen: Share of the lots with a new building that have no garden yet.
    """

    ground: str
    vanishing: float
    extending: float
    slabs: float
    earthen: float


def random_estate(rng: np.random.Generator, size: int) -> Plan:
    """Draw a landscape with at most one settlement, in all or a part of it.

    Args:
        rng: Source of randomness.
        size: Side of the scene in pixels.
    """
    quarter = random_quarter(rng, size, FORMS, UNCHANGED, bend=(6, 34), bend_length=(60, 120))
    border = _random_border(rng, size)
    streets, lots = lay_out(rng, quarter, size)
    within = [lot for lot in lots if _inside(border, (lot.plot.x, lot.plot.y))]
    habit, fate = random_habit(rng), _random_fate(rng)
    low, high = WOODS[rng.choice(len(WOODS), p=[share for share, _ in WOODS])][1]
    return Plan(
        streets=tuple(cut for street in streets if (cut := _cut(street, border)) is not None),
        road_width=quarter.road_width,
        opened=quarter.opened,
        worn=bool(rng.random() < 0.55),
        footpaths=quarter.road_width > 12.5 and bool(rng.random() < 0.65),
        lots=tuple(_settle(rng, lot, quarter, habit, fate) for lot in within),
        tracks=tuple(random_track(rng, size) for _ in range(rng.integers(0, 5))),
        tree_density=float(rng.uniform(low, high)),
        wetness=float(rng.uniform(0, 1)),
        patches=tuple(_random_patch(rng, size) for _ in range(rng.integers(0, 9))),
    )


def _random_fate(rng: np.random.Generator) -> Fate:
    return Fate(
        ground=str(rng.choice(('wild', 'earth', 'scrub', 'lawn'), p=(0.5, 0.3, 0.1, 0.1))),
        vanishing=float(rng.choice((0.0, 0.1, 1.0), p=(0.5, 0.35, 0.15))),
        extending=0.06,
        slabs=float(rng.choice((0.0, 0.2, 0.6), p=(0.6, 0.25, 0.15))),
        earthen=float(rng.choice((0.05, 0.3, 0.8))),
    )


def _random_border(rng: np.random.Generator, size: int) -> tuple[float, float, float]:
    """Where the settlement ends: what lies on the far side of a line (x, y, offset) is open."""
    angle = rng.uniform(0, 2 * np.pi)
    normal = np.array((np.cos(angle), np.sin(angle)))
    if rng.random() < 0.4:
        return float(normal[0]), float(normal[1]), float('inf')
    across = normal @ (size / 2, size / 2) + rng.uniform(-0.45, 0.45) * size
    return float(normal[0]), float(normal[1]), float(across)


def _inside(border: tuple[float, float, float], point: tuple[float, float]) -> bool:
    return border[0] * point[0] + border[1] * point[1] <= border[2]


def _cut(street: Street, border: tuple[float, float, float]) -> Street | None:
    """The part of a street on the settlement's side of its border, and a little more."""
    line = street.centreline
    kept = line @ np.array(border[:2]) <= border[2] + 30
    if kept.all():
        return street
    if kept.sum() < 2:
        return None
    ends = np.flatnonzero(kept)
    run = line[ends[0] : ends[-1] + 1]
    return Street(run, bulb=street.bulb or bool(kept[0] and not kept[-1]))


def _settle(rng: np.random.Generator, lot: Lot, quarter: Quarter, habit: Habit, fate: Fate) -> Lot:
    """Decide anew what stands on a lot at each date."""
    building = _random_building(rng, lot, quarter, habit)
    opened = quarter.opened[0]
    bare = open_ground(rng) if opened else fate.ground
    later = open_ground(rng) if rng.random() < 0.5 else bare
    settled = 'paved' if quarter.kind.halls else 'lawn'
    floors = [building if rng.random() < fate.slabs else None for _ in range(2)]
    before = LotState(None, bare, floors[0] if opened else None)
    after = LotState(None, later, floors[1])
    new = building
    if rng.random() < habit.unfinished:
        new = unfinished(rng, building)
    yard = 'earth' if rng.random() < fate.earthen and settled == 'lawn' else settled
    if rng.random() >= quarter.kind.occupied:
        return replace(lot, states=(before, after))
    if not opened:
        after = LotState(new, yard) if rng.random() < max(quarter.changing, 0.5) else after
    elif rng.random() >= quarter.changing:
        before, after = LotState(building, settled), LotState(building, settled)
    elif (way := rng.random()) < fate.vanishing:
        before = LotState(building, settled)
    elif way < fate.vanishing + fate.extending:
        before = LotState(building, settled)
        after = LotState(extended(rng, building, lot.plot), settled)
    else:
        after = LotState(new, yard)
    return replace(lot, states=(before, after))


def _random_building(
    rng: np.random.Generator, lot: Lot, quarter: Quarter, habit: Habit
) -> Building:
    if quarter.kind.halls:
        return random_block(rng, lot.plot)
    if quarter.kind.lot_width[1] > 100 and rng.random() < 0.35:
        return random_shed(rng, lot.plot)
    return random_dwelling(rng, lot.plot, habit)


def _random_patch(rng: np.random.Generator, size: int) -> Patch:
    """Draw a pond, a field, a clearing, a car park or bare ground; some become another."""
    kinds = ('meadow', 'field', 'earth', 'rock', 'water', 'asphalt', 'brush')
    kind = str(rng.choice(kinds, p=(0.22, 0.16, 0.22, 0.12, 0.08, 0.06, 0.14)))
    later = kind
    if rng.random() < 0.35 and kind != 'water':
        later = str(rng.choice(('meadow', 'earth', 'brush', 'field', 'asphalt', 'wild')))
    radius = rng.uniform(0.03, 0.2) * size if kind != 'field' else rng.uniform(0.2, 0.5) * size
    straight = kind in ('field', 'asphalt') or (kind == 'earth' and rng.random() < 0.5)
    corners = 4 if straight else 24
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2 * np.pi)
    wobble = np.zeros(corners)
    if not straight:
        for wave in (2, 3, 5):
            wobble += rng.normal(0, 0.5 / wave) * np.sin(wave * angles + rng.uniform(0, 6))
    stretch = np.array((1.0, rng.uniform(0.3, 1.0)))
    outline = np.stack([np.cos(angles), np.sin(angles)], -1) * (1 + wobble)[:, None] * stretch
    turn = rng.uniform(0, 2 * np.pi)
    rotation = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
    outline = outline @ rotation * radius + rng.uniform(0, size, 2)
    grounds = (kind, later) if rng.random() < 0.5 else (later, kind)
    rows = float(rng.uniform(2.5, 7)) if rng.random() < 0.5 else 0.0
    return Patch(outline, grounds, float(rng.uniform(0, 1)), rows, float(turn))
