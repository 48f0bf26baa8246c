"""Encoding images and masks as PNG or TIFF."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from mmcd.errors import ImagePairError, StackError
from mmcd.io.images import PNG_END, to_bgr
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import IGNORED

PNG_COMPRESSION = 6
# More takes twice as long to write and saves next to nothing on aerial images.
FAST_COMPRESSION = 1


def encode_image(
    pixels: np.ndarray,
    suffix: str,
    *,
    bands: Sequence[str] | None = None,
    colours: Sequence[str] = (),
    compression: int = PNG_COMPRESSION,
) -> bytes:
    """The bytes of an image file.

    Args:
        pixels: (H, W, C) of any bands; PNG takes one band, or three of 8 bit as RGB.
        suffix: '.png', or '.tif' for all that PNG does not hold.
        bands: names that a TIFF file gives its bands.
        colours: what a TIFF file states of its bands, such as which is alpha, by the names of
            rasterio.enums.ColorInterp.
        compression: of PNG, from 0 to 9.

    Raises:
        StackError: rasterio, which writes TIFF files, is missing.
    """
    if suffix == '.png':
        flags = [cv2.IMWRITE_PNG_COMPRESSION, compression]
        return cv2.imencode('.png', to_bgr(pixels), flags)[1].tobytes()
    return _encode_tiff(pixels, bands, colours)


def _encode_tiff(pixels: np.ndarray, bands: Sequence[str] | None, colours: Sequence[str]) -> bytes:
    try:
        from rasterio.enums import ColorInterp
        from rasterio.errors import NotGeoreferencedWarning
        from rasterio.io import MemoryFile
    except ImportError as error:
        raise StackError(
            'Images of more than 8 bit, or of other than 1 or 3 bands, are written by rasterio. It '
            "comes with the extra `geo`; in a checkout: pip install -e '.[geo]'."
        ) from error
    height, width, number = pixels.shape
    shape = dict(height=height, width=width, count=number, dtype=pixels.dtype.name)
    with MemoryFile() as memory, warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with memory.open(driver='GTiff', compress='deflate', **shape) as file:
            file.write(np.moveaxis(pixels, -1, 0))
            if bands is not None:
                file.descriptions = tuple(bands)
            if colours:
                file.colorinterp = [ColorInterp[colour] for colour in colours]
        return bytes(memory.getbuffer())


# Beside 0 and 255 of binary change, which leave no room for the index of ignored pixels.
BINARY_IGNORED = 128
GREY = (128, 128, 128)


def ignored_value(classes: ChangeClasses) -> int:
    """The value of ignored pixels in a written label."""
    return BINARY_IGNORED if classes.is_binary else IGNORED


def encode_mask(
    mask: np.ndarray, classes: ChangeClasses, *, notes: Mapping[str, str] | None = None
) -> bytes:
    """A PNG of a change map: 0 and 255 for binary change, else class indices with their colours.

    Args:
        mask: class indices and, in a label, 255 (ignored).
        classes: those of the mask.
        notes: text that the file is to hold, by its key; see :func:`read_notes`.

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
    texts = PngInfo()
    for key, text in (notes or {}).items():
        texts.add_text(key, text)
    image.save(file, 'PNG', compress_level=FAST_COMPRESSION, pnginfo=texts)
    return file.getvalue()


def read_notes(path: Path) -> dict[str, str]:
    """The notes of a PNG file that is whole.

    Raises:
        ImagePairError: it is no PNG, or was cut short.
        OSError: it can't be read.
    """
    content = path.read_bytes()
    if not content.endswith(PNG_END):
        raise ImagePairError(f'{path} is no PNG, or was cut short.')
    try:
        with Image.open(io.BytesIO(content)) as image:
            return {str(k): text for k, text in image.info.items() if isinstance(text, str)}
    except (OSError, ValueError, SyntaxError) as error:
        raise ImagePairError(f'{path} is no PNG, or is damaged: {error}.') from error
