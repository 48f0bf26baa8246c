"""Reading a label file to its one band of values; what could be read wrong is refused."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mmcd.errors import LabelError
from mmcd.io.images import ALPHA, OpenImage, RasterImage

# Pillow's names of what a label may be. CMYK, YCbCr, Lab and the like are pictures.
MODES = ('1', 'L', 'P', 'I', 'I;16', 'I;16B', 'I;16L', 'F', 'LA', 'PA', 'RGB', 'RGBA', 'RGBX')
ALPHA_MODES = ('LA', 'PA', 'RGBA')
TIFF_BANDS = 277  # SamplesPerPixel; of those that it has no name for, Pillow shows the first


@dataclass(frozen=True)
class LabelImage:
    """A label file as it was decoded.

    Args:
        pixels: (H, W), or (H, W, C) without alpha.
        alpha: (H, W); None: there is none.
        palette: the colours (number, 3) that the pixels index; None: they are no indices.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    palette: np.ndarray | None = None


def decode_label(content: bytes, path: str) -> LabelImage:
    """A label image from its bytes.

    Raises:
        LabelError: it can't be decoded, or is in a colour space for pictures.
    """
    try:
        # Pillow gives palette files their indices; OpenCV would expand them to colours.
        with Image.open(io.BytesIO(content)) as file:
            # GIF has palettes only: indices mean nothing there, greys do.
            image: Image.Image = file.convert('RGB') if file.format == 'GIF' else file
            mode, palette = image.mode, image.getpalette('RGB')
            shown = len(file.getbands())
            bands = getattr(file, 'tag_v2', {}).get(TIFF_BANDS, shown)
            pixels = np.array(image)
    except Exception as error:  # each format has its own
        raise LabelError(f'Cannot read {path}: {error}. Is the file whole?') from error
    if mode not in MODES:
        raise LabelError(
            f'{path}: expected one band of values, but got a {mode} image. Convert it to one '
            'band of 8 bit with one value a class.'
        )
    if bands != shown:
        raise LabelError(
            f'{path}: expected one band, but got {bands}. Convert it to one band of 8 bit '
            'with one value a class.'
        )
    alpha = None
    if mode in ALPHA_MODES:
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
        pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    colours = None if palette is None else np.array(palette, np.uint8).reshape(-1, 3)
    return LabelImage(pixels, alpha, colours if mode in ('P', 'PA') else None)


def label_image(pixels: np.ndarray, image: OpenImage, path: str) -> LabelImage:
    """A label image from what was read of an open file.

    Args:
        pixels: (H, W, C), all bands of a window.
        image: the file.
        path: its name, for errors.

    Raises:
        LabelError: it is in a colour space for pictures.
    """
    alpha = None
    if isinstance(image, RasterImage) and image.colour_space:
        raise LabelError(
            f'{path}: expected one band of values, but got a {image.colour_space} image. '
            'Convert it to one band of 8 bit with one value a class.'
        )
    if pixels.shape[2] > 1 and image.colours[-1:] == (ALPHA,):
        pixels, alpha = pixels[..., :-1], pixels[..., -1]
    return LabelImage(pixels[..., 0] if pixels.shape[2] == 1 else pixels, alpha, image.palette)


def take_single_band(label: LabelImage, path: str) -> np.ndarray:
    """The one band that a label's bands all repeat, or that alone is not empty, (H, W).

    S2Looking's ``label1`` and ``label2`` are of the latter kind: one colour on black. An alpha
    channel that tells nothing but what the values tell is left off. Of a palette the indices are
    the values.

    Raises:
        LabelError: the bands differ otherwise, alpha or palette contradict them, or nothing tells
            a colour from its background.
    """
    band = _common_band(label.pixels, path)
    if label.alpha is not None and _tells_more(label.alpha, band):
        raise LabelError(
            f'{path}: pixels of one value differ in alpha, so the mask may be the alpha. '
            'Convert it to one band, without alpha, with one value a class.'
        )
    if label.palette is not None:
        _check_palette(band, label.palette, path)
    return band


def _common_band(pixels: np.ndarray, path: str) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0]
    if pixels.shape[2] != 3 or np.count_nonzero(pixels.any(axis=(0, 1))) > 1:
        kind = 'a coloured image' if pixels.shape[2] == 3 else f'{pixels.shape[2]} that differ,'
        raise LabelError(
            f'{path}: expected one band, but got {kind} {pixels.shape}. Convert it '
            'to one band with one value a class.'
        )
    band = pixels.max(axis=2)
    if band.all():
        raise LabelError(
            f'{path}: all of it is of one colour, which may as well be that of unchanged '
            'pixels. Convert it to one band with one value a class.'
        )
    return band


def _tells_more(alpha: np.ndarray, band: np.ndarray) -> bool:
    """Whether pixels of one value differ in alpha."""
    if alpha.dtype != np.uint8 or band.dtype != np.uint8:
        return bool((alpha != alpha.flat[0]).any())
    both = np.bincount((band.astype(np.int32) * 256 + alpha).ravel(), minlength=1 << 16)
    return bool((np.count_nonzero(both.reshape(256, 256), axis=1) > 1).any())


def _check_palette(band: np.ndarray, palette: np.ndarray, path: str) -> None:
    """Refuse a palette of greys that shows other values than its indices say.

    A palette of colours is how class indices are shown, and one of greys in the order of the
    indices is no contradiction; but where index 0 is shown white, it is white that was meant.
    """
    if (palette != palette[:, :1]).any():
        return
    used = np.unique(band).astype(int)
    greys = palette[used[used < len(palette)], 0].astype(int)
    if (np.diff(greys) <= 0).any() or (len(greys) and used[0] == 0 and greys[0] != 0):
        shown = ', '.join(f'{index} as {grey}' for index, grey in zip(used, greys, strict=False))
        raise LabelError(
            f'{path}: its palette shows the values {shown}: it is not clear whether indices '
            'or greys are meant. Convert it to one band of greys.'
        )
