"""Reading image files as they are: any band count, 8 and 16 bit, whole or in windows."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from mmcd.errors import ImagePairError, StackError
from mmcd.structures import ImageSpec

TIFF_SUFFIXES = ('.tif', '.tiff')
_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}


@dataclass(frozen=True)
class Window:
    """A part of an image: its first row and column, its height and width."""

    top: int
    left: int
    height: int
    width: int

    def within(self, height: int, width: int) -> Window:
        """The part of it that lies in an image of this size."""
        bottom = min(self.top + self.height, height)
        right = min(self.left + self.width, width)
        return Window(self.top, self.left, bottom - self.top, right - self.left)


class OpenImage(Protocol):
    """An image file of which parts can be read."""

    height: int
    width: int
    bands: int
    dtype: np.dtype

    def read(self, window: Window) -> np.ndarray:
        """(H, W, C) in the file's order of bands, which is RGB for three."""


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[OpenImage]:
    """Open an image file.

    TIFF files are opened by rasterio and read window by window; others are decoded at once. Where
    rasterio is missing, Pillow reads the TIFF files that it can read right. OpenCV, which takes
    many-band and 16-bit TIFF files for single-band ones, reads none.

    Raises:
        ImagePairError: the file can't be read.
        StackError: a TIFF file that only rasterio reads, which is missing.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield DecodedImage(decode_image(path.read_bytes(), path))
    elif (rasterio := _find_rasterio()) is None:
        yield DecodedImage(_decode_tiff(path))
    else:
        try:
            with warnings.catch_warnings():  # images without a place on Earth are fine here
                warnings.simplefilter('ignore', rasterio.errors.NotGeoreferencedWarning)
                file = rasterio.open(path)
        except rasterio.errors.RasterioIOError as error:
            raise ImagePairError(f'Cannot read the image {path}: {error}.') from error
        with file:
            yield RasterImage(file, path)


def read_image(path: Path) -> np.ndarray:
    """A whole image file, (H, W, C), in the file's order of bands.

    Raises:
        ImagePairError: the file can't be read.
        StackError: see :func:`open_image`.
    """
    with open_image(path) as image:
        return image.read(Window(0, 0, image.height, image.width))


def decode_image(content: bytes, source: Path) -> np.ndarray:
    """A PNG, JPEG or the like from its bytes, (H, W, C); an alpha channel is left off.

    Raises:
        ImagePairError: it can't be decoded.
    """
    flags = cv2.IMREAD_UNCHANGED  # leaves the orientation tag aside, as label files have none
    image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    if image is None:
        raise ImagePairError(f'Cannot decode the image {source}. Is the file whole?')
    if image.ndim == 2:
        return image[..., None]
    return cv2.cvtColor(image, _TO_RGB[image.shape[2]])


@dataclass(frozen=True)
class ImageHeader:
    """What an image file says of itself without being decoded."""

    height: int
    width: int
    bands: int
    dtype: np.dtype


def read_header(path: Path) -> ImageHeader:
    """Size, bands and type of an image, as :func:`open_image` will give them.

    Raises:
        ImagePairError: it is no image.
        StackError: see :func:`open_image`.
    """
    if path.suffix.lower() in TIFF_SUFFIXES:
        with open_image(path) as image:
            return ImageHeader(image.height, image.width, image.bands, image.dtype)
    try:
        with Image.open(path) as image:
            width, height = image.size
            single = image.mode in ('1', 'L', 'I', 'I;16')
    except Exception as error:  # each format has its own
        raise ImagePairError(f'Cannot read the image {path}: {error}.') from error
    return ImageHeader(height, width, 1 if single else 3, np.dtype(_depth(path)))


def _depth(path: Path) -> str:
    """Pillow does not tell a PNG of three 16-bit bands from one of three 8-bit bands."""
    with path.open('rb') as file:
        start = file.read(25)
    return 'uint16' if start[:4] == b'\x89PNG' and start[24] == 16 else 'uint8'


class DecodedImage:
    """An image in memory."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels
        self.height, self.width, self.bands = pixels.shape
        self.dtype = pixels.dtype

    def read(self, window: Window) -> np.ndarray:
        """See :class:`OpenImage`."""
        rows = slice(window.top, window.top + window.height)
        return self.pixels[rows, window.left : window.left + window.width]


class RasterImage:
    """A file that rasterio has open; what is read is what is asked for."""

    def __init__(self, file: Any, path: Path) -> None:
        self.file = file
        self.path = path
        self.height, self.width, self.bands = file.height, file.width, file.count
        self.dtype = np.dtype(file.dtypes[0])

    def read(self, window: Window) -> np.ndarray:
        """See :class:`OpenImage`.

        Raises:
            ImagePairError: the file is cut short or broken.
        """
        rows = (window.top, window.top + window.height)
        columns = (window.left, window.left + window.width)
        try:
            bands = self.file.read(window=(rows, columns))  # (C, H, W)
        except Exception as error:  # each driver has its own
            raise ImagePairError(f'Cannot read {self.path}: {error}. Is the file whole?') from error
        if self.file.tags(1, ns='IMAGE_STRUCTURE').get('NBITS') == '1':
            bands = bands.astype(bool)  # as Pillow gives a bilevel file
        return np.moveaxis(bands, 0, -1)


def _find_rasterio() -> Any:
    try:
        import rasterio
        import rasterio.errors
    except ImportError:
        return None
    return rasterio


def _decode_tiff(path: Path) -> np.ndarray:
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.array(image)
    except Exception as error:  # each format has its own
        raise StackError(
            f'Cannot read {path} without rasterio ({error}). It comes with the extra `geo`: '
            "in a checkout: pip install -e '.[geo]'."
        ) from error
    return pixels if pixels.ndim == 3 else pixels[..., None]


def to_bgr(image: np.ndarray) -> np.ndarray:
    """Three bands in OpenCV's order; other images as they are."""
    return np.ascontiguousarray(image[..., ::-1] if image.shape[2] == 3 else image)


from_bgr = to_bgr


def read_pair_image(path: Path, spec: ImageSpec) -> np.ndarray:
    """Stand-in until the data branch is merged."""
    return read_image(path)
