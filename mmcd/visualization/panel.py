"""A panel that shows a pair, its label and what a model found."""

from __future__ import annotations

import cv2
import numpy as np

# BGR, told apart by colour-blind readers too.
TRUE_POSITIVE = (255, 255, 255)
FALSE_POSITIVE = (40, 80, 235)
FALSE_NEGATIVE = (250, 160, 40)
IGNORED = (110, 110, 110)
BACKGROUND = (30, 30, 30)
TEXT = (230, 230, 230)

LEGEND = (
    ('found (true positive)', TRUE_POSITIVE),
    ('false alarm (false positive)', FALSE_POSITIVE),
    ('missed (false negative)', FALSE_NEGATIVE),
)
GAP = 8
BAR = 28  # height of the title bar and of the legend


def draw_panel(
    before: np.ndarray,
    after: np.ndarray,
    label: np.ndarray,
    prediction: np.ndarray,
    *,
    title: str = '',
    max_side: int = 512,
) -> np.ndarray:
    """Draw before | after | label | prediction with a legend.

    Args:
        before: the first date, BGR.
        after: the second date, BGR.
        label: 0 unchanged, 1 changed, 255 ignored.
        prediction: 0 unchanged, 1 changed.
        title: written at the top left.
        max_side: larger images are reduced to this many pixels along their longer side.

    Shape:
        images (H, W, 3) uint8, maps (H, W); returns (h, w, 3) uint8 BGR.
    """
    tiles = [before, after, _draw_label(label), _draw_errors(label, prediction)]
    names = ['before', 'after', 'label', 'prediction']
    tiles = [_reduce(tile, max_side) for tile in tiles]
    height, width = tiles[0].shape[:2]
    # A narrow image still leaves room for the legend.
    canvas_width = max(4 * width + 5 * GAP, 720)
    canvas = np.full((height + 2 * BAR + 2 * GAP, canvas_width, 3), BACKGROUND, np.uint8)
    for column, (tile, name) in enumerate(zip(tiles, names, strict=True)):
        left = GAP + column * (width + GAP)
        canvas[BAR + GAP : BAR + GAP + height, left : left + width] = tile
        _write(canvas, f'{title}: {name}' if title and not column else name, left, BAR - 8)
    left = GAP
    for text, colour in LEGEND:
        top = height + BAR + 2 * GAP
        cv2.rectangle(canvas, (left, top + 6), (left + 14, top + 20), colour, cv2.FILLED)
        left = _write(canvas, text, left + 22, top + 18) + 3 * GAP
    return canvas


def _draw_label(label: np.ndarray) -> np.ndarray:
    image = np.zeros((*label.shape, 3), np.uint8)
    image[label == 1] = TRUE_POSITIVE
    image[label == 255] = IGNORED
    return image


def _draw_errors(label: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    found, changed = prediction == 1, label == 1
    image = np.zeros((*label.shape, 3), np.uint8)
    image[found & changed] = TRUE_POSITIVE
    image[found & ~changed] = FALSE_POSITIVE
    image[~found & changed] = FALSE_NEGATIVE
    image[label == 255] = IGNORED
    return image


def _reduce(image: np.ndarray, max_side: int) -> np.ndarray:
    scale = max_side / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _write(canvas: np.ndarray, text: str, left: int, baseline: int) -> int:
    """Write a line; returns where it ends."""
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.45
    cv2.putText(canvas, text, (left, baseline), font, scale, TEXT, 1, cv2.LINE_AA)
    return left + cv2.getTextSize(text, font, scale, 1)[0][0]
