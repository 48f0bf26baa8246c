"""One sample pair: the same place at two dates, and where buildings changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from mmcd.errors import ConfigError
from mmcd.synthetic.buildings import stamp_building
from mmcd.synthetic.geometry import Raster
from mmcd.synthetic.ground import paint_ground
from mmcd.synthetic.lighting import SKYLIGHT, SUNLIGHT, Sun, random_sun, shade
from mmcd.synthetic.noise import fractal_noise
from mmcd.synthetic.scene_plan import Plan, random_plan
from mmcd.synthetic.sensor import Sensor, expose, lean_out, random_sensor
from mmcd.synthetic.surface import Palette, Surface
from mmcd.synthetic.traffic import park_cars
from mmcd.synthetic.vegetation import Season, Tree, leaves, plant, random_seasons, stamp_tree

SMALLEST, LARGEST = 32, 2048
SCENE_RESOLUTION = 0.5  # metres a scene pixel


@dataclass(frozen=True)
class ScenePair:
    """Two co-registered images and their label.

    Shape:
        before, after: (H, W, 3) uint8, RGB.
        label: (H, W) uint8, 255 where a building stands at one of the dates only, else 0.
        buildings: (H, W, 2) uint8, 1 where a building stands before and after.

    `metres_per_pixel` is the ground resolution.
    """

    before: np.ndarray
    after: np.ndarray
    label: np.ndarray
    buildings: np.ndarray
    metres_per_pixel: float = SCENE_RESOLUTION


@dataclass(frozen=True)
class Texture:
    """Noise of the place, the same at both dates. Each (H, W), `ragged` (H, W, 2)."""

    patches: np.ndarray
    grain: np.ndarray
    lumps: np.ndarray
    ragged: np.ndarray


def make_pair(seed: np.random.SeedSequence, size: int = 256) -> ScenePair:
    """Make the sample pair of a seed.

    A building that grows is labelled where it grew. The label knows no registration error and no
    parallax; the images have up to about a pixel of each.

    Args:
        seed: Decides everything; the same seed gives the same pair.
        size: Height and width in pixels.

    Raises:
        ConfigError: The size is not one that can be drawn.
    """
    check_size(size)
    place, *dates = generators(seed, 3)
    raster = Raster(size)
    plan = random_plan(place, size)
    trees = plant(place, plan, size)
    seasons = random_seasons(place)
    texture = random_texture(place, raster)
    images, footprints = [], []
    for date, rng in enumerate(dates):
        palette, surface = Palette(), Surface(raster)
        _draw(surface, palette, plan, trees[date], date, seasons[date], texture, rng)
        images.append(photograph(surface, palette, texture, random_sun(rng), rng))
        footprints.append(footprint(surface, size))
    buildings = np.stack(footprints, axis=-1)
    return ScenePair(images[0], images[1], change_label(buildings), buildings)


def footprint(surface: Surface, size: int) -> np.ndarray:
    """Where buildings stand: (size, size) uint8, 0 or 1."""
    covered = surface.raster.sample(surface.footprint).astype(np.float32)
    shares = cv2.resize(covered, (size, size), interpolation=cv2.INTER_AREA)
    return (shares >= 0.5).astype(np.uint8)


def change_label(buildings: np.ndarray) -> np.ndarray:
    """255 where a building stands at one of the dates only; (H, W, 2) to (H, W) uint8."""
    return np.where(buildings[..., 0] != buildings[..., 1], 255, 0).astype(np.uint8)


def check_size(size: int) -> None:
    """Refuse a size that cannot be drawn with a `ConfigError`."""
    if not SMALLEST <= size <= LARGEST:
        raise ConfigError(f'expected a size from {SMALLEST} to {LARGEST} pixels, but got {size}')


def generators(seed: np.random.SeedSequence, count: int) -> list[np.random.Generator]:
    """Independent generators; unlike `SeedSequence.spawn` this leaves the seed as it was."""
    children = [
        np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, index))
        for index in range(count)
    ]
    return [np.random.Generator(np.random.PCG64(child)) for child in children]


def random_texture(rng: np.random.Generator, raster: Raster) -> Texture:
    """Draw the noise of a place."""
    shape = raster.shape
    ragged = [3.0 * fractal_noise(rng, shape, coarsest=32, finest=4) for _ in range(2)]
    return Texture(
        patches=fractal_noise(rng, shape, coarsest=128, finest=2, persistence=0.72),
        grain=fractal_noise(rng, shape, coarsest=8, persistence=0.85),
        lumps=fractal_noise(rng, shape, coarsest=8, finest=2, persistence=0.7),
        ragged=np.stack(ragged, axis=-1),
    )


def _draw(
    surface: Surface,
    palette: Palette,
    plan: Plan,
    trees: tuple[Tree, ...],
    date: int,
    season: Season,
    texture: Texture,
    rng: np.random.Generator,
) -> None:
    paint_ground(surface, plan, date, season, palette, texture.ragged)
    for lot in plan.lots:
        building = lot.states[date].building
        if building is not None:
            stamp_building(surface, building, palette, float(rng.uniform(0.93, 1.07)))
    for tree in trees:
        material = palette.add(leaves(season, tree.evergreen, tree.shade), grain=0.12)
        cover = 1.0 if tree.evergreen else season.leaves
        stamp_tree(surface, tree, texture.lumps, cover, material)
    park_cars(surface, plan, date, palette, rng)


def photograph(
    surface: Surface,
    palette: Palette,
    texture: Texture,
    sun: Sun,
    rng: np.random.Generator,
    *,
    draw_sensor: Callable[[np.random.Generator], Sensor] = random_sensor,
    restless: float = 0.15,
) -> np.ndarray:
    """Light a drawn scene and take its image.

    Args:
        surface: What was drawn.
        palette: Its materials.
        texture: Noise of the place.
        sun: Its light.
        rng: Source of randomness of this date.
        draw_sensor: Draws how the image is taken.
        restless: How much of the ground's patches is of this date alone.

    Shape:
        Output: (size, size, 3) uint8, RGB.
    """
    colour, patch, grain = palette.reflectance()
    own = fractal_noise(rng, surface.raster.shape, coarsest=64, finest=4)
    share = np.clip(0.5 + 0.3 * texture.patches + restless * own, 0, 1)
    relief = np.maximum(surface.tint * (1 + grain[surface.material] * texture.grain), 0.2)
    direct, sky = (relief * part for part in shade(surface, sun))
    channels = [
        (colour[:, c][surface.material] + patch[:, c][surface.material] * share)
        * (np.float32(SUNLIGHT[c]) * direct + np.float32(SKYLIGHT[c]) * sky)
        for c in range(3)
    ]
    sensor = draw_sensor(rng)
    light = lean_out(cv2.merge(channels), surface.height, sensor.lean)
    return expose(light, surface.raster, sensor, rng)
