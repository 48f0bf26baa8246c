"""A panel that shows a pair, its label and what a model found."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED, UNCHANGED

Colour = tuple[int, ...]

# RGB, told apart by colour-blind readers too.
TRUE_POSITIVE: Colour = (255, 255, 255)
FALSE_POSITIVE: Colour = (235, 80, 40)
FALSE_NEGATIVE: Colour = (40, 160, 250)
WRONG_KIND: Colour = (190, 110, 255)  # found, as another kind of change than the label says
BLACK: Colour = (0, 0, 0)
IGNORED_GREY: Colour = (110, 110, 110)
BACKGROUND: Colour = (30, 30, 30)
TEXT: Colour = (230, 230, 230)

LEGEND: tuple[tuple[str, Colour], ...] = (
    ('found (true positive)', TRUE_POSITIVE),
    ('false alarm (false positive)', FALSE_POSITIVE),
    ('missed (false negative)', FALSE_NEGATIVE),
)
GAP = 8
BAR = 28  # height of the title bar and of a row of the legend
SWATCH = 14
LEAST_WIDTH = 720  # a narrow image still leaves room for the legend
FONT, FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.45


def draw_panel(
    before: np.ndarray,
    after: np.ndarray,
    label: np.ndarray,
    prediction: np.ndarray,
    *,
    classes: ChangeClasses = BINARY_CHANGE,
    title: str = '',
    max_side: int = 512,
) -> np.ndarray:
    """Draw before | after | label | prediction with a legend.

    The prediction of binary change shows true and false positives and false negatives; that of
    several kinds of change shows the classes in their colours, as the label does.

    Args:
        before: the first date, RGB.
        after: the second date, RGB.
        label: class indices, or 255 (ignored).
        prediction: class indices.
        classes: of both maps.
        title: written at the top left.
        max_side: larger images are reduced to this many pixels along their longer side.

    Shape:
        images (H, W, 3) uint8, maps (H, W); returns (h, w, 3) uint8 RGB.
    """
    if classes.is_binary:
        maps, legend = [_draw_label(label), _draw_errors(label, prediction)], LEGEND
    else:
        ignored = label == IGNORED
        maps = [draw_classes(label, classes), draw_classes(prediction, classes)]
        maps[1][ignored] = IGNORED_GREY
        legend = tuple(zip(classes.names, classes.palette, strict=True))
    tiles = [reduce_image(tile, max_side) for tile in (before, after, *maps)]
    height, width = tiles[0].shape[:2]
    canvas_width = max(4 * width + 5 * GAP, LEAST_WIDTH)
    rows = _legend_rows(legend, canvas_width)
    top = height + BAR + 2 * GAP
    canvas = np.full((top + len(rows) * BAR, canvas_width, 3), BACKGROUND, np.uint8)
    for column, (tile, name) in enumerate(
        zip(tiles, ('before', 'after', 'label', 'prediction'), strict=True)
    ):
        left = GAP + column * (width + GAP)
        canvas[BAR + GAP : BAR + GAP + height, left : left + width] = tile
        _write(canvas, f'{title}: {name}' if title and not column else name, left, BAR - 8)
    for number, row in enumerate(rows):
        _draw_legend(canvas, row, top + number * BAR)
    return canvas


def draw_classes(mask: np.ndarray, classes: ChangeClasses) -> np.ndarray:
    """A map of class indices in the classes' colours, ignored pixels in grey.

    Shape:
        (H, W) to (H, W, 3) uint8 RGB.
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[: len(classes)] = classes.palette
    colours[IGNORED] = IGNORED_GREY
    return colours[mask]


def _draw_label(label: np.ndarray) -> np.ndarray:
    image = np.full((*label.shape, 3), BLACK, np.uint8)
    image[label != UNCHANGED] = TRUE_POSITIVE
    image[label == IGNORED] = IGNORED_GREY
    return image


def _draw_errors(label: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    found, changed = prediction != UNCHANGED, label != UNCHANGED
    image = np.full((*label.shape, 3), BLACK, np.uint8)
    image[found & changed] = TRUE_POSITIVE
    image[found & ~changed] = FALSE_POSITIVE
    image[~found & changed] = FALSE_NEGATIVE
    image[label == IGNORED] = IGNORED_GREY
    return image


def reduce_image(image: np.ndarray, max_side: int) -> np.ndarray:
    """An image of at most ``max_side`` pixels along its longer side; smaller ones stay."""
    scale = max_side / max(image.shape[:2])
    if scale >= 1:
        return image
    height, width = (max(round(side * scale), 1) for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _legend_rows(
    legend: Sequence[tuple[str, Colour]], width: int
) -> list[list[tuple[int, str, Colour]]]:
    """The entries with their left ends, in as many rows as they need."""
    rows: list[list[tuple[int, str, Colour]]] = [[]]
    left = GAP
    for text, colour in legend:
        entry = SWATCH + GAP + cv2.getTextSize(text, FONT, FONT_SCALE, 1)[0][0]
        if rows[-1] and left + entry + GAP > width:
            rows.append([])
            left = GAP
        rows[-1].append((left, text, colour))
        left += entry + 3 * GAP
    return rows


def _draw_legend(canvas: np.ndarray, row: Sequence[tuple[int, str, Colour]], top: int) -> None:
    for left, text, colour in row:
        corner = left + SWATCH, top + 6 + SWATCH
        cv2.rectangle(canvas, (left, top + 6), corner, colour, cv2.FILLED)
        _write(canvas, text, left + SWATCH + GAP, top + 18)


def _write(canvas: np.ndarray, text: str, left: int, baseline: int) -> None:
    cv2.putText(canvas, text, (left, baseline), FONT, FONT_SCALE, TEXT, 1, cv2.LINE_AA)
