"""Pairs that teach: whole estates, woods and open land, at many resolutions and in any light."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from mmcd.synthetic.buildings import stamp_building
from mmcd.synthetic.estates import random_estate
from mmcd.synthetic.film import develop, random_film, random_wide_sensor
from mmcd.synthetic.geometry import Raster
from mmcd.synthetic.ground import paint_ground
from mmcd.synthetic.lighting import random_sun
from mmcd.synthetic.scene_pair import (
    SCENE_RESOLUTION,
    SMALLEST,
    ScenePair,
    Texture,
    change_label,
    check_size,
    footprint,
    generators,
    photograph,
    random_texture,
)
from mmcd.synthetic.scene_plan import Plan
from mmcd.synthetic.surface import Palette, Surface
from mmcd.synthetic.traffic import park_cars
from mmcd.synthetic.vegetation import Season, random_seasons
from mmcd.synthetic.woodland import Trees, plant_woods, stamp_woods

RESOLUTIONS = (0.3, 1.0)  # metres a pixel


def make_estate_pair(seed: np.random.SeedSequence, size: int = 256) -> ScenePair:
    """Make the pair of a seed in the style 'estates'.

    The label knows no registration error and no parallax; the images have some pixels of each.

    Args:
        seed: Decides everything; the same seed gives the same pair.
        size: Height and width in pixels.

    Raises:
        ConfigError: The size is not one that can be drawn.
    """
    check_size(size)
    place, *dates = generators(seed, 3)
    metres_per_pixel = random_resolution(place)
    side = max(SMALLEST, round(size * metres_per_pixel / SCENE_RESOLUTION))
    plan = random_estate(place, side)
    woods = plant_woods(place, plan, side)
    seasons = random_seasons(place)
    raster = Raster(side)
    texture = _calmed(random_texture(place, raster), float(place.uniform(0.25, 1.0)))
    images, footprints = [], []
    for date, rng in enumerate(dates):
        palette, surface = Palette(), Surface(raster)
        paint_ground(surface, plan, date, seasons[date], palette, texture.ragged)
        _build(surface, palette, plan, woods[date], date, seasons[date], rng)
        image = photograph(
            surface,
            palette,
            texture,
            random_sun(rng),
            rng,
            draw_sensor=random_wide_sensor,
            restless=float(rng.uniform(0.1, 0.5)),
        )
        image = cv2.resize(image, (size, size), interpolation=_resampling(side, size))
        images.append(develop(image, random_film(rng)))
        footprints.append(footprint(surface, size))
    buildings = np.stack(footprints, axis=-1)
    before, after = images
    return ScenePair(before, after, change_label(buildings), buildings, metres_per_pixel)


def random_resolution(rng: np.random.Generator) -> float:
    """Draw a ground resolution in metres a pixel, most often about half a metre."""
    low, high = RESOLUTIONS
    return float(np.clip(0.48 * np.exp(rng.normal(0, 0.28)), low, high))


def _calmed(texture: Texture, patchy: float) -> Texture:
    """Less patchy ground, and borders that are surveyed rather than grown."""
    return replace(texture, patches=texture.patches * patchy, ragged=texture.ragged * 0.4)


def _resampling(side: int, size: int) -> int:
    return cv2.INTER_AREA if side > size else cv2.INTER_CUBIC


def _build(
    surface: Surface,
    palette: Palette,
    plan: Plan,
    trees: Trees,
    date: int,
    season: Season,
    rng: np.random.Generator,
) -> None:
    """Draw what stands on the ground at one date."""
    weathered = rng.uniform(0.02, 0.15)
    for lot in plan.lots:
        building = lot.states[date].building
        if building is not None:
            stamp_building(surface, building, palette, float(np.exp(rng.normal(0, weathered))))
    stamp_woods(surface, trees, season, palette)
    park_cars(surface, plan, date, palette, rng)
