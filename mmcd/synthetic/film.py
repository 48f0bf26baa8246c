"""How differently two dates are processed: tone, colour, haze, sharpness and compression."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from mmcd.synthetic.sensor import Sensor, random_sensor

KNEE = 0.16  # where tones begin to bend, from either end of 0 .. 1
VEIL = np.array((0.66, 0.68, 0.7), np.float32)  # colour of haze, 0 .. 1


@dataclass(frozen=True)
class Film:
    """What a supplier makes of one date's image.

    Args:
        level: Mean grey value that the image is brought to, 0 .. 1.
        deviation: Standard deviation of grey values that it is brought to, 0 .. 1.
        saturation: Factor on colourfulness.
        cast: Added to red, green and blue where the image is dark, and half as much elsewhere.
        haze: Share of an even veil.
        blur: Deviation of a further blur in pixels.
        detail: Share of the pixels along a side that the image is reduced to and enlarged from.
        quality: Of the JPEG compression, 100 for none.
    """

    level: float
    deviation: float
    saturation: float
    cast: tuple[float, float, float]
    haze: float
    blur: float
    detail: float
    quality: int


def random_film(rng: np.random.Generator) -> Film:
    """Draw the processing of one date, from dull and dark to vivid and overexposed."""
    red, green, blue = rng.normal(0, (0.02, 0.015, 0.025))
    return Film(
        level=float(rng.uniform(0.24, 0.5) if rng.random() < 0.85 else rng.uniform(0.45, 0.68)),
        deviation=float(np.exp(rng.uniform(np.log(0.1), np.log(0.27)))),
        saturation=float(np.exp(rng.uniform(np.log(0.45), np.log(1.7)))),
        cast=(float(red), float(green), float(blue)),
        haze=float(rng.uniform(0, 0.35)) if rng.random() < 0.2 else 0.0,
        blur=float(rng.uniform(0.4, 1.3)) if rng.random() < 0.3 else 0.0,
        detail=float(rng.uniform(0.5, 0.95)) if rng.random() < 0.2 else 1.0,
        quality=int(rng.integers(40, 96)) if rng.random() < 0.5 else 100,
    )


def random_wide_sensor(rng: np.random.Generator) -> Sensor:
    """Draw an acquisition: more oblique and less well registered than `random_sensor` has it."""
    tilt, towards = rng.uniform(0, 0.1), rng.uniform(0, 2 * np.pi)
    right, down = rng.normal(0, 1.2 if rng.random() < 0.2 else 0.5, 2)
    return replace(
        random_sensor(rng),
        lean=(float(tilt * np.cos(towards)), float(tilt * np.sin(towards))),
        offset=(float(right), float(down)),
    )


def develop(image: np.ndarray, film: Film) -> np.ndarray:
    """Process one date's image.

    Shape:
        image: (H, W, 3) uint8, RGB; returns the same.
    """
    height, width = image.shape[:2]
    tones: np.ndarray = image.astype(np.float32) / 255
    if film.detail < 1:
        small = (max(1, round(width * film.detail)), max(1, round(height * film.detail)))
        tones = cv2.resize(tones, small, interpolation=cv2.INTER_AREA)
        tones = cv2.resize(tones, (width, height), interpolation=cv2.INTER_CUBIC)
    if film.blur:
        tones = cv2.GaussianBlur(tones, (0, 0), film.blur)
    grey = tones.mean(axis=2, keepdims=True)
    colour = (tones - grey) * film.saturation
    # An even image is not stretched until its noise looks like texture.
    stretch = min(film.deviation / (float(grey.std()) + 1e-3), 3.0)
    tones = film.level + (grey - grey.mean()) * stretch + colour * min(stretch, 1.5)
    tones = _soft_limits(tones)
    dark = 1 - 0.5 * tones.mean(axis=2, keepdims=True)
    tones = tones + dark * np.array(film.cast, np.float32)
    tones = tones * (1 - film.haze) + film.haze * VEIL
    levels = np.clip(np.round(tones * 255), 0, 255).astype(np.uint8)
    if film.quality == 100:
        return levels
    _, packed = cv2.imencode('.jpg', levels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, film.quality])
    return np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR))[..., ::-1]


def _soft_limits(tones: np.ndarray) -> np.ndarray:
    """Bend what is near or below 0, or near or above 1, so that it keeps some of its texture."""
    low = KNEE * np.exp(np.minimum(tones - KNEE, 0) / KNEE)
    tones = np.where(tones < KNEE, low, tones)
    top = 1 - KNEE
    high = 1 - KNEE * np.exp(-np.maximum(tones - top, 0) / KNEE)
    return np.where(tones > top, high, tones)
