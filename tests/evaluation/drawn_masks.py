"""Masks of rectangles, and labels that resemble them."""

from __future__ import annotations

import numpy as np


def draw_rectangles(
    rng: np.random.Generator, height: int, width: int, number: int, classes: int = 2
) -> np.ndarray:
    """(H, W) uint8 of class indices."""
    mask = np.zeros((height, width), np.uint8)
    for _ in range(number):
        top, left = rng.integers(0, height - 4), rng.integers(0, width - 4)
        tall, wide = rng.integers(2, 16, 2)
        mask[top : top + tall, left : left + wide] = rng.integers(1, classes)
    return mask


def draw_label_and_map(
    seed: int, *, height: int = 90, width: int = 110, classes: int = 2, ignored: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A label and a map of it: shifted by a pixel, some objects added, some cut out."""
    rng = np.random.default_rng(seed)
    label = draw_rectangles(rng, height, width, 14, classes)
    mask = np.roll(label, rng.integers(-1, 2, 2), axis=(0, 1))
    added = draw_rectangles(rng, height, width, 4, classes)
    mask[added > 0] = added[added > 0]
    mask[draw_rectangles(rng, height, width, 4) > 0] = 0
    if ignored:
        label[draw_rectangles(rng, height, width, 5) > 0] = 255
    return label, mask
