"""Writing change maps and labels as PNG files."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from mmcd.io.image_encoding import FAST_COMPRESSION
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import IGNORED

# Beside 0 and 255 of binary change, which leave no room for the index of ignored pixels.
BINARY_IGNORED = 128
GREY = (128, 128, 128)


def ignored_value(classes: ChangeClasses) -> int:
    """The value of ignored pixels in a written label."""
    return BINARY_IGNORED if classes.is_binary else IGNORED


def encode_mask(mask: np.ndarray, classes: ChangeClasses) -> bytes:
    """A PNG of a change map: 0 and 255 for binary change, else class indices with their colours.

    Args:
        mask: class indices and, in a label, 255 (ignored).
        classes: those of the mask.

    Shape:
        (H, W) uint8.
    """
    table = np.zeros(256, np.uint8)
    table[: len(classes)] = classes.label_values
    table[IGNORED] = ignored_value(classes)
    image = Image.fromarray(table[mask])
    if not classes.is_binary:
        colours = np.zeros((256, 3), np.uint8)
        colours[: len(classes)] = classes.palette
        colours[IGNORED] = GREY
        image.putpalette(colours.ravel().tolist())  # turns grey values into indices
    file = io.BytesIO()
    image.save(file, 'PNG', compress_level=FAST_COMPRESSION)
    return file.getvalue()
