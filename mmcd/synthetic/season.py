"""What the time of year does to colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .surface import RGB


@dataclass(frozen=True)
class Season:
    """State of the vegetation: `green` of grass and `leaves` of deciduous trees, both 0 .. 1."""

    green: float
    leaves: float
    soil: RGB


def random_seasons(rng: np.random.Generator) -> tuple[Season, Season]:
    """Draw the seasons of two dates that differ clearly; the soil is the same."""
    soils = ((202, 184, 152), (184, 158, 126), (172, 138, 108), (190, 178, 158))
    red, green, blue = soils[rng.integers(len(soils))]
    soil = (float(red), float(green), float(blue))
    first = rng.uniform(0, 1)
    second = (first + rng.uniform(0.3, 0.7)) % 1
    return _season(rng, first, soil), _season(rng, second, soil)


def _season(rng: np.random.Generator, green: float, soil: RGB) -> Season:
    leaves = float(np.clip(green * 1.3 + rng.uniform(-0.1, 0.5), 0.15, 1))
    drift = rng.uniform(0.93, 1.05)
    return Season(float(green), leaves, (soil[0] * drift, soil[1] * drift, soil[2] * drift))


def mix(first: RGB, second: RGB, share: float) -> RGB:
    """Blend two colours; `share` is that of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def grass(season: Season, lushness: float) -> tuple[RGB, RGB]:
    """Two colours of a meadow or lawn; a lush one is watered and keeps its green."""
    green = 0.65 * season.green + 0.35 * lushness
    dry, fresh = (156.0, 138.0, 106.0), (84.0, 102.0, 58.0)
    return mix(dry, fresh, green), mix((128.0, 116.0, 84.0), (70.0, 84.0, 50.0), green)


def scrub(season: Season, wetness: float) -> tuple[RGB, RGB]:
    """Two colours of open land: dry stalks and darker growth."""
    green = 0.8 * season.green * (0.5 + wetness)
    dry, fresh = (146.0, 126.0, 98.0), (106.0, 108.0, 74.0)
    return mix(dry, fresh, min(green, 1)), mix(
        (100.0, 86.0, 66.0), (68.0, 74.0, 48.0), min(green, 1)
    )


def leaves(season: Season, evergreen: bool, shade: int) -> RGB:
    """Colour of a crown; `shade` 0 .. 3 tells neighbours apart."""
    lightness = 0.86 + 0.11 * shade
    fresh = mix((104.0, 92.0, 66.0), (72.0, 86.0, 48.0), season.leaves)
    base = mix((62.0, 70.0, 48.0), (54.0, 68.0, 42.0), season.green) if evergreen else fresh
    return base[0] * lightness, base[1] * lightness, base[2] * lightness
