"""The pictures of one pair in a report's folder: both dates, overlays, a small strip."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mmcd.io.atomic import write_whole
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED, UNCHANGED
from mmcd.visualization.panel import (
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    IGNORED_GREY,
    TRUE_POSITIVE,
    WRONG_KIND,
    Colour,
    reduce_image,
)

MAX_SIDE = 1024  # larger images are reduced: a page with 2,000 of them should stay handy
STRIP_HEIGHT = 144
STRIP_GAP = 4
JPEG_QUALITY = 88
# Probabilities in steps of 5 %: more are not told apart, and compress badly.
PROBABILITY_STEPS = 20

LABEL_COLOUR: Colour = (250, 220, 40)
PREDICTION_COLOUR: Colour = (230, 70, 200)

BEFORE, AFTER, STRIP = 'before.jpg', 'after.jpg', 'strip.jpg'
PAIR_OVERLAYS = ('errors', 'label', 'prediction', 'probability')
# Of a page about one result, and of one that compares two.
OVERLAY_ENDINGS = ('', '-1', '-2')


@dataclass(frozen=True)
class PairPictures:
    """What there is to see of one pair.

    Args:
        folder: of its pictures, relative to the page.
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.
        layers: overlays that there are, in the order in which they are offered.
    """

    folder: str
    height: int
    width: int
    layers: tuple[str, ...]


def picture_folder(name: str) -> str:
    """A folder's name for an image's name, which may hold anything that a path may hold."""
    plain = re.sub(r'[^A-Za-z0-9._-]+', '_', name).strip('._')[:80]
    if plain == name:
        return plain
    # Two names that differ only in what was replaced keep apart; some are no UTF-8.
    digest = hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()
    return f'{plain or "image"}-{digest[:8]}'


def save_pictures(
    folder: Path,
    before: np.ndarray | None,
    after: np.ndarray | None,
    *,
    label: np.ndarray | None = None,
    prediction: np.ndarray | None = None,
    probability: np.ndarray | None = None,
    classes: ChangeClasses = BINARY_CHANGE,
    max_side: int = MAX_SIDE,
) -> None:
    """Write what a page shows of one pair.

    Args:
        folder: made where it is not there.
        before: the first date, RGB; None where only masks are known, then the maps lie on grey.
        after: the second date, RGB.
        label: class indices, or 255 (ignored).
        prediction: class indices.
        probability: of change, from 0 to 1.
        classes: of both maps.
        max_side: larger pictures are reduced to this many pixels along their longer side.

    Shape:
        images (H, W, 3) uint8, maps (H, W).

    Raises:
        ValueError: neither images nor maps were given.
    """
    maps = [mask for mask in (label, prediction) if mask is not None]
    given = [one for one in (before, after, *maps, probability) if one is not None]
    if not given:
        raise ValueError('Pictures need images or maps, but none were given.')
    folder.mkdir(parents=True, exist_ok=True)
    remove_pictures(folder)
    grey = np.full((*given[0].shape[:2], 3), 60, np.uint8)
    before, after = (
        reduce_image(grey if date is None else date, max_side) for date in (before, after)
    )
    height, width = before.shape[:2]
    label, prediction, probability = (
        None if one is None else _reduce_map(one, height, width)
        for one in (label, prediction, probability)
    )
    overlays: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    if label is not None:
        overlays['label'] = draw_areas(label, classes, LABEL_COLOUR)
    if prediction is not None:
        overlays['prediction'] = draw_areas(prediction, classes, PREDICTION_COLOUR)
    if label is not None and prediction is not None:
        overlays['errors'] = draw_errors(label, prediction)
    if probability is not None:
        overlays['probability'] = draw_probability(probability)
    for name, date in ((BEFORE, before), (AFTER, after)):
        write_whole(folder / name, encode_jpeg(date))
    for name, (codes, colours) in overlays.items():
        write_whole(folder / f'{name}.png', encode_overlay(codes, colours))
    top = overlays.get('errors') or overlays.get('prediction') or overlays.get('label')
    write_whole(folder / STRIP, encode_jpeg(_draw_strip(before, after, top)))


def remove_pictures(folder: Path) -> None:
    """Remove the pictures of one pair, those of an earlier page too, which may have had others."""
    overlays = (f'{name}{end}.png' for name in PAIR_OVERLAYS for end in OVERLAY_ENDINGS)
    for name in (BEFORE, AFTER, STRIP, *overlays):
        (folder / name).unlink(missing_ok=True)


def copy_pictures(source: Path, target: Path) -> None:
    """Copy the pictures of one pair into another page, in place of those that it has there."""
    remove_pictures(target)
    target.mkdir(parents=True, exist_ok=True)
    for name in (BEFORE, AFTER, STRIP, *(f'{overlay}.png' for overlay in PAIR_OVERLAYS)):
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


def find_pictures(report: Path, folder: str, layers: Iterable[str]) -> PairPictures | None:
    """The pictures that were written for one pair; None where there are none."""
    path = report / folder
    if not (path / AFTER).is_file():
        return None
    with Image.open(path / AFTER) as image:  # reads the header only
        width, height = image.size
    there = tuple(layer for layer in layers if (path / f'{layer}.png').is_file())
    return PairPictures(folder, height, width, there)


def draw_areas(
    mask: np.ndarray, classes: ChangeClasses, colour: Colour
) -> tuple[np.ndarray, np.ndarray]:
    """A map's areas: filled lightly, with strong outlines; several kinds in their own colours.

    Shape:
        (H, W) class indices; returns codes (H, W) uint8 and their colours (codes, 4) RGBA.
    """
    kinds = [colour] if classes.is_binary else list(classes.palette[UNCHANGED + 1 :])
    area = np.where(mask == IGNORED, UNCHANGED, mask).astype(np.uint8)
    inner = cv2.erode(area, np.ones((3, 3), np.uint8), borderValue=0)
    # A pixel is on the outline where a neighbour is of a lower class, or of a higher one.
    edge = (inner != area) | (cv2.dilate(area, np.ones((3, 3), np.uint8)) != area)
    number = len(kinds)
    codes = np.where(edge & (area > UNCHANGED), area + number, area)
    colours = np.zeros((2 * number + 1, 4), np.uint8)
    colours[1:, :3] = [*kinds, *kinds]
    colours[1 : number + 1, 3], colours[number + 1 :, 3] = 90, 255
    return codes, colours


def draw_errors(label: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Found, false alarm, missed, of another kind, and ignored: see :func:`draw_areas`."""
    found, changed = prediction != UNCHANGED, label != UNCHANGED
    codes = np.zeros(label.shape, np.uint8)
    codes[found & changed] = 1
    codes[found & ~changed] = 2
    codes[~found & changed] = 3
    codes[found & changed & (label != prediction)] = 4
    codes[label == IGNORED] = 5
    kinds = (TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_KIND, IGNORED_GREY)
    alphas = (150, 190, 190, 190, 120)
    colours = [
        (0, 0, 0, 0),
        *((*colour, alpha) for colour, alpha in zip(kinds, alphas, strict=True)),
    ]
    return codes, np.array(colours, np.uint8)


def draw_probability(probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The probability of change in steps, transparent where it is low: see :func:`draw_areas`."""
    clean = np.nan_to_num(np.asarray(probability, np.float32)).clip(0, 1)
    codes = (clean * PROBABILITY_STEPS).round().astype(np.uint8)
    steps = np.linspace(0, 255, PROBABILITY_STEPS + 1).astype(np.uint8)[:, None]
    colours = np.zeros((PROBABILITY_STEPS + 1, 4), np.uint8)
    colours[:, :3] = cv2.applyColorMap(steps, cv2.COLORMAP_INFERNO)[:, 0, ::-1]
    colours[1:, 3] = np.linspace(70, 225, PROBABILITY_STEPS)
    return codes, colours


def encode_overlay(codes: np.ndarray, colours: np.ndarray) -> bytes:
    """A PNG with a palette: a few kilobytes, where one with four channels takes a hundred.

    Shape:
        codes (H, W) uint8; colours (codes, 4) uint8 RGBA.
    """
    image = Image.fromarray(codes)
    image.putpalette(colours[:, :3].tobytes())
    file = io.BytesIO()
    image.save(file, 'PNG', transparency=colours[:, 3].tobytes())
    return file.getvalue()


def encode_jpeg(pixels: np.ndarray) -> bytes:
    """A JPEG of an RGB picture (H, W, 3) uint8."""
    flags: Sequence[int] = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    return cv2.imencode('.jpg', np.ascontiguousarray(pixels[..., ::-1]), flags)[1].tobytes()


def _reduce_map(values: np.ndarray, height: int, width: int) -> np.ndarray:
    if values.shape == (height, width):
        return values
    if values.dtype.kind != 'f':
        values = values.astype(np.uint8)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_NEAREST)


def _draw_strip(
    before: np.ndarray, after: np.ndarray, overlay: tuple[np.ndarray, np.ndarray] | None
) -> np.ndarray:
    """Both dates, and the after image with an overlay: small, side by side."""
    tiles = [before, after]
    if overlay is not None:
        codes, colours = overlay
        colour, alpha = colours[codes][..., :3], colours[codes][..., 3:] / 255
        tiles.append((after * (1 - alpha) * 0.55 + colour * alpha).astype(np.uint8))
    height = min(STRIP_HEIGHT, before.shape[0])
    width = max(round(before.shape[1] * height / before.shape[0]), 1)
    gap = np.full((height, STRIP_GAP, 3), 255, np.uint8)
    small = [cv2.resize(tile, (width, height), interpolation=cv2.INTER_AREA) for tile in tiles]
    return np.hstack([part for tile in small for part in (gap, tile)][1:])
