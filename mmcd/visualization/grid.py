"""A grid of training samples, as the network gets them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

CHANGED = (40, 220, 250)  # BGR of the outline of changed areas
IGNORED = (110, 110, 110)
GAP = 4
BACKGROUND = 30
RGB = 3


def draw_sample(pair: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Draw before | after with the label's outline on both, and ignored pixels in grey.

    Args:
        pair: both dates of one sample, 8-bit BGR, or of other bands or types, which are stretched.
        label: 0 unchanged, 1 changed, 255 ignored.

    Shape:
        pair: (2C, H, W); label: (H, W); returns (H, 2W + GAP, 3) uint8 BGR.
    """
    dates = [_outline(_as_bgr(date), label) for date in np.split(pair, 2)]
    gap = np.full((label.shape[0], GAP, 3), BACKGROUND, np.uint8)
    return np.hstack([dates[0], gap, dates[1]])


def draw_grid(samples: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Lay pictures out in rows.

    Args:
        samples: pictures; smaller ones are filled up.
        columns: how many are side by side.

    Shape:
        samples: (h, w, 3) each; returns (H, W, 3) uint8.
    """
    height = max(sample.shape[0] for sample in samples) + 2 * GAP
    width = max(sample.shape[1] for sample in samples) + 2 * GAP
    columns = min(columns, len(samples))
    rows = -(-len(samples) // columns)
    grid = np.full((rows * height, columns * width, 3), BACKGROUND, np.uint8)
    for number, sample in enumerate(samples):
        top = number // columns * height + GAP
        left = number % columns * width + GAP
        grid[top : top + sample.shape[0], left : left + sample.shape[1]] = sample
    return grid


def _as_bgr(date: np.ndarray) -> np.ndarray:
    """(C, H, W) of any bands and type to (H, W, 3) uint8; of many bands, the first three."""
    image = np.moveaxis(date[:RGB] if len(date) >= RGB else date[:1].repeat(RGB, 0), 0, -1)
    if image.dtype != np.uint8:
        low, high = np.percentile(image, (1, 99))
        image = np.clip((image - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    return np.ascontiguousarray(image)


def _outline(image: np.ndarray, label: np.ndarray) -> np.ndarray:
    image[label == 255] = IGNORED
    changed = (label == 1).astype(np.uint8)
    borders, _ = cv2.findContours(changed, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(image, borders, -1, CHANGED, 1)
