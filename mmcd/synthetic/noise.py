"""Multi-octave noise: the texture of ground, crowns and light."""

from __future__ import annotations

import cv2
import numpy as np


def fractal_noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    *,
    coarsest: int,
    finest: int = 1,
    persistence: float = 0.6,
) -> np.ndarray:
    """Make smooth noise of zero mean and unit deviation with detail at several scales.

    Each octave halves the grain and weighs `persistence` times the octave before it.

    Args:
        rng: Source of randomness.
        shape: Height and width of the result.
        coarsest: Grain of the first octave in pixels.
        finest: Grain of the last octave in pixels.
        persistence: Weight of an octave relative to the next coarser one.

    Shape:
        Output: (H, W) float32.
    """
    height, width = shape
    grain, weight = coarsest, 1.0
    field = _white(rng, height, width, grain)
    while grain > finest:
        grain //= 2
        weight *= persistence
        octave = _white(rng, height, width, grain)
        field = cv2.resize(field, octave.shape[::-1], interpolation=cv2.INTER_CUBIC)
        field = field + weight * octave
    if grain > 1:
        field = cv2.resize(field, None, fx=grain, fy=grain, interpolation=cv2.INTER_CUBIC)
    field = field[:height, :width]
    return (field - field.mean()) / (field.std() + 1e-6)


def _white(rng: np.random.Generator, height: int, width: int, grain: int) -> np.ndarray:
    cells = (-(-height // grain), -(-width // grain))
    return rng.standard_normal(cells, dtype=np.float32)
