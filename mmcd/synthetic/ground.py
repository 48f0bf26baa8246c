"""The ground at one date: open land, lots, roads, drives and their markings."""

from __future__ import annotations

import cv2
import numpy as np

from mmcd.synthetic.geometry import OVERSAMPLING, Raster
from mmcd.synthetic.scene_plan import BULB, VERGE, Lot, Patch, Plan
from mmcd.synthetic.surface import RGB, Palette, Surface
from mmcd.synthetic.vegetation import Season, grass, mix, scrub

CONCRETE: RGB = (198.0, 190.0, 174.0)
ASPHALT: RGB = (104.0, 103.0, 102.0)
WORN_ASPHALT: RGB = (150.0, 147.0, 141.0)
FENCE: RGB = (112.0, 92.0, 74.0)


def paint_ground(
    surface: Surface, plan: Plan, date: int, season: Season, palette: Palette, ragged: np.ndarray
) -> None:
    """Fill the material map of a surface.

    Args:
        surface: What to paint on.
        plan: What lies where.
        date: 0 for before, 1 for after.
        season: Vegetation at this date.
        palette: Where colours are registered.
        ragged: Displacement in raster pixels, (H, W, 2), that frays the borders of soft ground.
    """
    material, raster = surface.material, surface.raster
    material[:] = palette.add(*scrub(season, plan.wetness), grain=0.17)
    for patch in plan.patches:
        _paint_patch(surface, patch, date, season, palette)
    worn = mix(scrub(season, plan.wetness)[0], season.soil, 0.6)
    for track in plan.tracks:
        line = raster.polygon(track)
        cv2.polylines(material, [line], False, palette.add(worn, grain=0.12), 3 * OVERSAMPLING)
    for lot in plan.lots:
        ground = lot.states[date].ground
        if ground != 'wild':
            _fill(material, raster, lot.outline, _soft_material(lot, ground, season, palette))
    grid = np.indices(material.shape, dtype=np.float32)
    across, down = grid[1] + ragged[..., 0], grid[0] + ragged[..., 1]
    material[:] = cv2.remap(material, across, down, cv2.INTER_NEAREST, None, cv2.BORDER_REPLICATE)
    if plan.opened[date]:
        _paint_streets(surface, plan, season, palette)
    for lot in plan.lots:
        _paint_lot(surface, lot, date, palette)


def _paint_patch(
    surface: Surface, patch: Patch, date: int, season: Season, palette: Palette
) -> None:
    kind = patch.grounds[date]
    if kind == 'wild':
        return
    main, other, grain = _patch_colours(kind, patch.lushness, season)
    _fill(surface.material, surface.raster, patch.outline, palette.add(main, other, grain))
    if not patch.rows or kind not in ('field', 'earth', 'meadow'):
        return
    middle, reach = patch.outline.mean(axis=0), float(np.ptp(patch.outline, axis=0).max())
    cos, sin = np.cos(patch.heading), np.sin(patch.heading)
    furrow = palette.add(mix(main, other, 0.7), other, grain)
    mask = np.zeros_like(surface.material, np.uint8)
    _fill(mask, surface.raster, patch.outline, 1)
    lines = np.zeros_like(mask)
    for aside in np.arange(-reach, reach, patch.rows):
        ends = np.array([(-reach, aside), (reach, aside)]) @ np.array([(cos, sin), (-sin, cos)])
        thickness = max(1, round(patch.rows * OVERSAMPLING * 0.35))
        cv2.polylines(lines, [surface.raster.polygon(middle + ends)], False, 1, thickness)
    surface.material[(lines & mask) > 0] = furrow


def _patch_colours(kind: str, lushness: float, season: Season) -> tuple[RGB, RGB, float]:
    """Two colours and the grain of open land of a kind."""
    if kind == 'meadow':
        return *grass(season, lushness), 0.11
    if kind == 'field':
        bare = mix((150.0, 122.0, 94.0), (104.0, 92.0, 84.0), lushness)
        crop = mix(bare, (88.0, 112.0, 58.0), season.green)
        return crop, mix(crop, bare, 0.4), 0.07
    if kind == 'earth':
        light = mix(season.soil, (226.0, 218.0, 196.0), lushness)
        return light, mix(light, (150.0, 128.0, 102.0), 0.6), 0.08
    if kind == 'rock':
        return (214.0, 206.0, 186.0), (128.0, 116.0, 92.0), 0.22
    if kind == 'water':
        deep = mix((58.0, 84.0, 78.0), (122.0, 104.0, 80.0), lushness)
        return mix(deep, (40.0, 120.0, 104.0), 0.6 * season.green), deep, 0.02
    if kind == 'asphalt':
        worn = mix(ASPHALT, WORN_ASPHALT, lushness)
        return worn, mix(worn, ASPHALT, 0.5), 0.05
    return *scrub(season, lushness), 0.2  # brush


def _soft_material(lot: Lot, ground: str, season: Season, palette: Palette) -> int:
    if ground in ('lawn', 'paved'):
        return palette.add(*grass(season, lot.lushness), grain=0.09)
    if ground == 'scrub':
        return palette.add(*scrub(season, lot.lushness), grain=0.14)
    return palette.add(season.soil, mix(season.soil, (142, 120, 94), 0.55), grain=0.08)


def _paint_streets(surface: Surface, plan: Plan, season: Season, palette: Palette) -> None:
    """Draw all streets layer by layer, so that crossings stay open."""
    width = plan.road_width
    road = WORN_ASPHALT if plan.worn else ASPHALT
    layers = [
        (width + 1.6, palette.add(mix(CONCRETE, road, 0.35))),
        (width, palette.add(road, mix(road, (128, 124, 118), 0.6), grain=0.05)),
        (width * 0.3, palette.add(mix(road, (90, 89, 88), 0.18), road, grain=0.05)),
    ]
    if plan.footpaths:
        paving = palette.add(CONCRETE, mix(CONCRETE, (150, 142, 126), 0.7), grain=0.06)
        verge = palette.add(*grass(season, 0.4), grain=0.1)
        layers = [(width + 2 * VERGE - 2, paving), (width + 2 * VERGE - 5, verge), *layers]
    if width < 12.5:  # a lane in the country has soft shoulders
        layers[0] = (width + 2.5, palette.add(season.soil, grain=0.12))
    for thickness, index in layers:
        for street in plan.streets:
            line = surface.raster.polygon(street.centreline)
            cv2.polylines(surface.material, [line], False, index, round(thickness * OVERSAMPLING))
            if street.bulb:
                radius = round((BULB + (thickness - width) / 2) * OVERSAMPLING)
                centre = tuple(int(value) for value in line[-1, 0])
                cv2.circle(surface.material, centre, radius, index, cv2.FILLED)
    if width > 18:
        for street in plan.streets:
            _dashes(surface, street.centreline, palette.add(mix(road, (226, 210, 150), 0.45)))


def _dashes(surface: Surface, centreline: np.ndarray, paint: int) -> None:
    line = surface.raster.polygon(centreline)
    for start in range(0, len(line) - 1, 2):
        cv2.polylines(surface.material, [line[start : start + 2]], False, paint, 1)


def _paint_lot(surface: Surface, lot: Lot, date: int, palette: Palette) -> None:
    state = lot.states[date]
    material, raster = surface.material, surface.raster
    if state.ground == 'paved':
        worn = mix(ASPHALT, WORN_ASPHALT, lot.lushness)
        _fill(material, raster, lot.yard.corners(1), palette.add(mix(CONCRETE, worn, 0.4)))
        _fill(material, raster, lot.yard.corners(), palette.add(worn, mix(worn, ASPHALT, 0.4)))
        _stalls(surface, lot, palette.add(mix(worn, (225, 225, 220), 0.6)))
    if state.slab is not None:
        floor = palette.add(mix(CONCRETE, (226, 222, 214), lot.lushness), grain=0.03)
        for wing in state.slab.wings:
            _fill(material, raster, wing.box.corners(), floor)
    if state.building is not None:
        age = mix(CONCRETE, (168, 160, 144), lot.lushness)
        _fill(material, raster, lot.drive, palette.add(age, mix(age, WORN_ASPHALT, 0.5), 0.06))
        if lot.pool is not None:
            _fill(material, raster, lot.pool.corners(1.6), palette.add(age))
            _fill(material, raster, lot.pool.corners(), palette.add((92, 158, 178)))
        if lot.fenced and state.ground == 'lawn':
            _fence(surface, lot, palette)


def _stalls(surface: Surface, lot: Lot, paint: int) -> None:
    """Mark parking stalls between the street and the hall."""
    plot = lot.plot
    front = -plot.half_width - 4
    for along in np.arange(-plot.half_length, plot.half_length, 5.5):
        ends = np.array([plot.offset(along, front), plot.offset(along, front - 10)])
        cv2.polylines(surface.material, [surface.raster.polygon(ends)], False, paint, 1)


def _fence(surface: Surface, lot: Lot, palette: Palette) -> None:
    """Stand a board fence around the garden: all of the outline but its street side."""
    half = len(lot.outline) // 2
    garden = lot.outline[half - 1 : half + half]
    front = lot.outline[half - 1] + 0.35 * (lot.outline[half] - lot.outline[half - 1])
    back = lot.outline[0] + 0.35 * (lot.outline[-1] - lot.outline[0])
    line = surface.raster.polygon(np.concatenate([front[None], garden[1:], back[None]]))
    cv2.polylines(surface.height, [line], False, 3.4, 1)
    cv2.polylines(surface.material, [line], False, palette.add(FENCE, grain=0.1), 1)


def _fill(material: np.ndarray, raster: Raster, outline: np.ndarray, index: int) -> None:
    cv2.fillPoly(material, [raster.polygon(outline)], index)
