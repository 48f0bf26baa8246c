"""A grid of training samples, as the network gets them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ChangeClasses, ImageSpec
from mmcd.structures.change_classes import IGNORED, UNCHANGED
from mmcd.visualization.panel import IGNORED_GREY, Colour

OUTLINE: Colour = (250, 220, 40)  # of binary change; RGB
GAP = 4
BACKGROUND = 30


def draw_sample(
    pair: np.ndarray,
    label: np.ndarray,
    *,
    image: ImageSpec = RGB_8BIT,
    classes: ChangeClasses = BINARY_CHANGE,
) -> np.ndarray:
    """Draw before | after with the label's outline on both, and ignored pixels in grey.

    Args:
        pair: both dates of one sample, as the pipeline gives them.
        label: class indices, or 255 (ignored).
        image: the image description, which says how they are shown.
        classes: of the label; several kinds of change are outlined in their own colours.

    Shape:
        pair: (2C, H, W); label: (H, W); returns (H, 2W + GAP, 3) uint8 RGB.
    """
    dates = [_outline(display_date(date, image), label, classes) for date in np.split(pair, 2)]
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


def display_date(date: np.ndarray, spec: ImageSpec) -> np.ndarray:
    """One date as a pipeline gives it, (C, H, W), as people are shown it, (H, W, 3) uint8 RGB."""
    pixels = np.moveaxis(date, 0, -1)
    if spec.dtype == 'uint8':
        pixels = pixels.clip(0, 255).astype(np.uint8)  # colour transforms may give floating point
    return np.ascontiguousarray(spec.to_display(pixels))


def _outline(image: np.ndarray, label: np.ndarray, classes: ChangeClasses) -> np.ndarray:
    image[label == IGNORED] = IGNORED_GREY
    for index in range(UNCHANGED + 1, len(classes)):
        colour = OUTLINE if classes.is_binary else classes.palette[index]
        area = (label == index).astype(np.uint8)
        borders, _ = cv2.findContours(area, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, borders, -1, colour, 1)
    return image
