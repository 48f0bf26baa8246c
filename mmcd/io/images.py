"""Reading image files: as they are, whole or in windows, or as an image description states them."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from PIL import Image

from mmcd.errors import ImageNotFoundError, ImagePairError, StackError
from mmcd.io.band_folder import band_files, choose_band_files, stack_bands
from mmcd.structures import ImageSpec
from mmcd.structures.image_spec import RGB

# Pillow takes larger images for attacks, which whole scenes are not: it refuses from twice as many
# pixels on, those that OpenCV refuses.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, 1 << 29)
TIFF_SUFFIXES = ('.tif', '.tiff')
ALPHA = 'alpha'
PALETTE = 'palette'
INDICES = (
    'holds indices of a colour table, not values. Write its colours into bands first: '
    'gdal_translate -expand rgb FILE colours.tif (-expand gray for a model of one band).'
)
PNG_START, PNG_END = b'\x89PNG\r\n\x1a\n', b'IEND\xaeB`\x82'
JPEG_START, JPEG_SCAN, JPEG_END = b'\xff\xd8', b'\xff\xda', b'\xff\xd9'
_TO_RGB = {3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}


@dataclass(frozen=True)
class Window:
    """A part of an image: its first row and column, its height and width.

    As rasterio's, which an installation without the extra ``geo`` does not have.
    """

    top: int
    left: int
    height: int
    width: int

    def of(self, image: np.ndarray) -> np.ndarray:
        """The part of an image (H, W) or (H, W, C); a view."""
        return image[self.top : self.top + self.height, self.left : self.left + self.width]

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
    colours: tuple[str, ...]

    @property
    def palette(self) -> np.ndarray | None:
        """The colours (number, 3) that its values are indices of; None: they are none."""

    def read(self, window: Window, bands: Sequence[int] | None = None) -> np.ndarray:
        """(H, W, C) in the file's order of bands, which is RGB for three.

        Args:
            window: what to read.
            bands: numbers of the bands to read, from 1; None: all.
        """


@contextlib.contextmanager
def open_image(path: Path) -> Iterator[OpenImage]:
    """Open an image file.

    TIFF files are opened by rasterio and read window by window; others are decoded at once. Where
    rasterio is missing, Pillow reads the TIFF files that it can read right. OpenCV, which takes
    many-band and 16-bit TIFF files for single-band ones, reads none. A folder with a file for each
    band of Sentinel-2 is an image of these bands, in order of wavelengths.

    Raises:
        ImagePairError: the file can't be read.
        FileNotFoundError: there is no such file.
        StackError: a TIFF file that only rasterio reads, which is missing.
    """
    if path.is_dir():
        yield DecodedImage(_read_band_files(list(band_files(path).values())))
        return
    if not path.is_file():
        raise ImageNotFoundError(f'No such image: {path} (from {Path.cwd()}).')
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield DecodedImage(decode_image(path.read_bytes(), path))
    elif (rasterio := _find_rasterio()) is None:
        yield _decode_tiff(path)
    else:
        try:
            with warnings.catch_warnings():  # images without a place on Earth are fine here
                warnings.simplefilter('ignore', rasterio.errors.NotGeoreferencedWarning)
                # By this driver alone: a VRT may have any name, and names other files.
                file = rasterio.open(path, driver='GTiff')
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


def read_pair_image(path: Path, spec: ImageSpec) -> np.ndarray:
    """One date of a pair as the image description states it; values are never rescaled.

    For RGB, a grey, palette or bilevel PNG or JPEG is read as OpenCV reads colours. Alpha and the
    orientation tag are left aside, as label files have neither. A folder with a file for each band
    of Sentinel-2 gives the bands by their names, 'B04' or 'red'.

    Shape:
        (H, W, C) of ``spec.dtype``, with the bands of ``spec`` in its order.

    Raises:
        ImagePairError: the file can't be decoded, or holds other bands or another type.
        FileNotFoundError: there is no such file.
        StackError: see :func:`open_image`.
    """
    if path.is_dir():
        pixels = _read_band_files(choose_band_files(path, spec))
        _check_type(path, DecodedImage(pixels), spec)
        return pixels
    with open_image(path) as image:
        check_no_palette(path, image)
        _check_type(path, image, spec)
        whole = Window(0, 0, image.height, image.width)
        is_tiff = path.suffix.lower() in TIFF_SUFFIXES
        if image.bands == 1 and spec.is_rgb and spec.file_bands is None and not is_tiff:
            return np.repeat(image.read(whole), spec.num_bands, axis=2)
        return np.ascontiguousarray(image.read(whole, _band_numbers(path, image, spec)))


def _read_band_files(paths: Sequence[Path]) -> np.ndarray:
    """The bands of a folder as one image, (H, W, C)."""
    return stack_bands([read_image(path) for path in paths], paths)


def check_no_palette(path: Path, image: OpenImage) -> None:
    """Check that an image of a pair holds values: a palette's indices mean nothing to a network.

    Raises:
        ImagePairError: it holds indices.
    """
    if image.palette is not None and not is_grey_ramp(image.palette):
        raise ImagePairError(f'The image {path} {INDICES}')


def is_grey_ramp(palette: np.ndarray) -> bool:
    """Whether each index has the grey of its own value, as scanners write grey images.

    Shape:
        ``palette``: (number of indices, 3).
    """
    return bool((palette == np.arange(len(palette))[:, None]).all())


def _check_type(path: Path, image: OpenImage, spec: ImageSpec) -> None:
    if image.dtype != spec.dtype:
        raise _misfit(
            path,
            image,
            spec,
            'Files are never rescaled. If all images are of this type, state it in the '
            f"config, image = dict(bands=[...], dtype='{image.dtype}', value_range=(low, "
            f'high)), and train with it; if not, convert the file to {spec.dtype}.',
        )


def _band_numbers(path: Path, image: OpenImage, spec: ImageSpec) -> list[int]:
    """Numbers of the file's bands, from 1, that are those of the description, in its order.

    Raises:
        ImagePairError: the file has other bands, or states another order.
    """
    numbers = list(range(1, image.bands + 1))
    if spec.file_bands is not None:
        wanted = list(spec.file_bands)
        if max(wanted) > image.bands:
            raise _misfit(path, image, spec, f'But file_bands={wanted} names others: correct it.')
        return wanted
    # GDAL marks the last of any four 8-bit bands as alpha unless it is told otherwise: where the
    # number of bands is right, a mark does not mean that one of them is not a band.
    if image.bands != spec.num_bands and image.colours[-1:] == (ALPHA,):
        numbers.pop()
    if len(numbers) != spec.num_bands:
        raise _misfit(
            path,
            image,
            spec,
            'State in the config which bands the images have, image = dict(bands=[...], '
            f"dtype='{image.dtype}'), or which of them to take, by their numbers from 1, "
            'image = dict(..., file_bands=[...]).',
        )
    _check_order(path, image.colours, spec)
    return numbers


def _check_order(path: Path, colours: Sequence[str], spec: ImageSpec) -> None:
    """Compare the colours that a file states with the description.

    Red, green, blue in this order prove nothing: GDAL states them for any three 8-bit bands.

    Raises:
        ImagePairError: they differ.
    """
    stated = tuple(colour for colour in colours if colour in RGB)
    if sorted(stated) != sorted(RGB) or stated == RGB or not set(RGB) <= set(spec.bands):
        return
    if any(colours[spec.bands.index(band)] != band for band in RGB):
        places = ', '.join(f'{band} is band {colours.index(band) + 1}' for band in RGB)
        raise ImagePairError(
            f'The image {path} states that {places}, but the model takes {spec.describe()}, in '
            'this order. State in the config which band of a file each of these is, '
            'image = dict(..., file_bands=[...]).'
        )


def _misfit(path: Path, image: OpenImage, spec: ImageSpec, remedy: str) -> ImagePairError:
    """The error for a file that holds something other than the description states."""
    plural = 's' if image.bands > 1 else ''
    alpha = ', the last of them alpha' if image.colours[-1:] == (ALPHA,) else ''
    return ImagePairError(
        f'The image {path} has {image.bands} band{plural} of {image.dtype}{alpha}, but the model '
        f'takes {spec.describe()}. {remedy}'
    )


def decode_image(content: bytes, source: Path) -> np.ndarray:
    """A PNG, JPEG or the like from its bytes, (H, W, C); an alpha channel is left off.

    Raises:
        ImagePairError: it can't be decoded, or was cut short.
    """
    if fault := missing_end(content):
        raise ImagePairError(
            f'Cannot decode the image {source}: {fault}. It was cut short: copy or download it '
            'again.'
        )
    flags = cv2.IMREAD_UNCHANGED  # leaves the orientation tag aside, as label files have none
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error as error:
        raise ImagePairError(
            f'Cannot decode the image {source}: OpenCV says {error.err}. Images of more than 2^30 '
            'pixels are read from TIFF files.'
        ) from error
    if image is None:
        raise ImagePairError(f'Cannot decode the image {source}. Is the file whole?')
    if image.ndim == 2:
        return image[..., None]
    return cv2.cvtColor(image, _TO_RGB[image.shape[2]])


def missing_end(content: bytes) -> str | None:
    """What a PNG or JPEG that was cut short lacks; None where nothing is known to be missing.

    OpenCV 4 fills such images up with grey or black, and says nothing that a program could hear.
    """
    # Searched from the end: some programs append something behind it.
    if content.startswith(PNG_START) and content.rfind(PNG_END) < 0:
        return f'the PNG has no end ({len(content):,} bytes)'
    if content.startswith(JPEG_START) and content.rfind(JPEG_END) <= _first_scan(content):
        return f'the JPEG has no end ({len(content):,} bytes)'
    return None


def _first_scan(content: bytes) -> int:
    """Where a JPEG's pixels begin, within which its mark of the end can't be; -1: nowhere.

    A preview in the header, whose segments state their lengths, has an end of its own.
    """
    at = len(JPEG_START)
    while content[at : at + 1] == b'\xff':
        if content[at : at + 2] == JPEG_SCAN:
            return at
        at += 2 + int.from_bytes(content[at + 2 : at + 4], 'big')
    return content.rfind(JPEG_SCAN)  # bytes between segments, which decoders pass over


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
    if path.is_dir():
        headers = [read_header(file) for file in band_files(path).values()]
        return replace(headers[0], bands=len(headers))
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
    """An image in memory.

    Args:
        pixels: (H, W, C).
        colours: what the file calls its bands; () where it names none.
        palette: the colours (number, 3) that its values are indices of; None: they are none.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        colours: tuple[str, ...] = (),
        palette: np.ndarray | None = None,
    ) -> None:
        self.pixels = pixels
        self.colours = colours
        self.palette = palette
        self.height, self.width, self.bands = pixels.shape
        self.dtype = pixels.dtype

    def read(self, window: Window, bands: Sequence[int] | None = None) -> np.ndarray:
        """See :class:`OpenImage`."""
        part = window.of(self.pixels)
        if bands is None or list(bands) == list(range(1, self.bands + 1)):
            return part
        return part[..., [number - 1 for number in bands]]


class RasterImage:
    """A file that rasterio has open; what is read is what is asked for."""

    def __init__(self, file: Any, path: Path) -> None:
        self.file = file
        self.path = path
        self.height, self.width, self.bands = file.height, file.width, file.count
        is_bilevel = file.tags(1, ns='IMAGE_STRUCTURE').get('NBITS') == '1'  # bool for Pillow, too
        self.dtype = np.dtype(bool if is_bilevel else file.dtypes[0])
        self.colours = tuple(colour.name for colour in file.colorinterp)

    @property
    def colour_space(self) -> str:
        """What GDAL converts or leaves to the reader: 'CMYK', or 'white is zero'; '' for others."""
        tags = self.file.tags(ns='IMAGE_STRUCTURE')
        if tags.get('MINISWHITE') == 'YES':
            return 'white is zero'
        return tags.get('SOURCE_COLOR_SPACE', '')

    @property
    def palette(self) -> np.ndarray | None:
        """See :class:`OpenImage`."""
        return palette_of(self.file, 1) if self.colours[:1] == (PALETTE,) else None

    def read(self, window: Window, bands: Sequence[int] | None = None) -> np.ndarray:
        """See :class:`OpenImage`.

        Raises:
            ImagePairError: the file is cut short or broken.
        """
        rows = (window.top, window.top + window.height)
        columns = (window.left, window.left + window.width)
        try:
            wanted = None if bands is None else list(bands)
            pixels = self.file.read(wanted, window=(rows, columns))  # (C, H, W)
        except Exception as error:  # each driver has its own
            raise ImagePairError(
                f'Cannot read the image {self.path}: {error}. Is the file whole?'
            ) from error
        return np.moveaxis(pixels, 0, -1).astype(self.dtype, copy=False)


def palette_of(file: Any, band: int) -> np.ndarray:
    """The colour table (number, 3) of a band of a file that rasterio has open."""
    return np.array([colour[:3] for colour in file.colormap(band).values()], np.uint8)


def place_of(path: Path) -> tuple[Any, Any] | None:
    """CRS and transform of a georeferenced TIFF file; None of others, and without rasterio."""
    rasterio = _find_rasterio()
    if path.suffix.lower() not in TIFF_SUFFIXES or rasterio is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', rasterio.errors.NotGeoreferencedWarning)
            with rasterio.open(path, driver='GTiff') as file:
                return (file.crs, file.transform) if file.crs else None
    except rasterio.errors.RasterioIOError:  # whoever reads its pixels says so
        return None


def _find_rasterio() -> Any:
    try:
        import rasterio
        import rasterio.errors
    except ImportError:
        return None
    return rasterio


def _decode_tiff(path: Path) -> DecodedImage:
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.array(image)
            bands = image.getbands()
            palette = image.getpalette('RGB') if image.mode == 'P' else None
    except Exception as error:  # each format has its own
        raise StackError(
            f'Cannot read {path} without rasterio ({error}). It comes with the extra `geo`: '
            "in a checkout: pip install -e '.[geo]'."
        ) from error
    colours = (*['undefined'] * (len(bands) - 1), ALPHA) if bands[-1] == 'A' else ()
    pixels = pixels if pixels.ndim == 3 else pixels[..., None]
    if palette is not None:
        return DecodedImage(pixels, (PALETTE,), np.array(palette, np.uint8).reshape(-1, 3))
    return DecodedImage(pixels, colours)


def to_bgr(image: np.ndarray) -> np.ndarray:
    """Three bands (H, W, 3) from RGB to OpenCV's order; other images as they are."""
    return np.ascontiguousarray(image[..., ::-1] if image.shape[2] == 3 else image)


from_bgr = to_bgr
