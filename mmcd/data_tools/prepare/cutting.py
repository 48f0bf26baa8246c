"""Cutting one scene: reading its files, writing its tiles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mmcd.data_tools.prepare.dataset_plan import Tile
from mmcd.data_tools.prepare.sources import Scene
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.layout import PairLayout
from mmcd.datasets.transforms.loading import read_single_band
from mmcd.errors import ImagePairError, LabelError, MMCDError
from mmcd.io.atomic import write_whole
from mmcd.io.image_encoding import FAST_COMPRESSION, encode_image, encode_mask
from mmcd.io.images import (
    TIFF_SUFFIXES,
    DecodedImage,
    OpenImage,
    Window,
    open_image,
    read_header,
)
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED


@dataclass(frozen=True)
class CutJob:
    """Tiles of one scene to write.

    Args:
        scene: where they come from.
        tiles: what to write.
        out: the prepared data set's folder.
        layout: its layout.
        encoding: of the scene's label.
        compression: of PNG images, 0 (none) to 9.
        classes: of the label.
    """

    scene: Scene
    tiles: tuple[Tile, ...]
    out: Path
    layout: PairLayout
    encoding: LabelEncoding
    compression: int = FAST_COMPRESSION
    classes: ChangeClasses = BINARY_CHANGE

    def files(self, tile: Tile) -> tuple[Path, Path, Path]:
        """The before, after and label file of a tile."""
        folder = self.out / str(tile.split)
        before, after = tile.suffixes
        return (
            folder / self.layout.before_dir / f'{tile.name}{before}',
            folder / self.layout.after_dir / f'{tile.name}{after}',
            folder / self.layout.label_dir / f'{tile.name}.png',
        )


@dataclass(frozen=True)
class CutResult:
    """What came of a job: how many tiles it wrote, how many were there, or why it failed."""

    written: int = 0
    kept: int = 0
    error: str | None = None


def run_cut(job: CutJob) -> CutResult:
    """Write those files of a job's tiles that are not there."""
    missing = [tile for tile in job.tiles if not all(path.is_file() for path in job.files(tile))]
    kept = len(job.tiles) - len(missing)
    if not missing:
        return CutResult(kept=kept)
    try:
        if missing[0].window is None:
            _take_whole(job, missing[0])
        else:
            _cut_tiles(job, missing)
    except MMCDError as error:
        return CutResult(kept=kept, error=str(error))
    return CutResult(len(missing), kept)


def _take_whole(job: CutJob, tile: Tile) -> None:
    """Take the images byte for byte, without a second loss of JPEG, and write the label anew."""
    before, after, label = job.files(tile)
    with _open_label(job.scene.label) as image:
        window = _window_of(tile, image)
        for path in (job.scene.before, job.scene.after):
            header = read_header(path)
            _check_size(job.scene.label, image, path, header.height, header.width)
        values = image.read(window)
    write_whole(label, _encode_label(values, window, job))
    for source, target in ((job.scene.before, before), (job.scene.after, after)):
        write_whole(target, source.read_bytes())


def _cut_tiles(job: CutJob, tiles: list[Tile]) -> None:
    scene = job.scene
    with (
        open_image(scene.before) as before,
        open_image(scene.after) as after,
        _open_label(scene.label) as label,
    ):
        _check_size(scene.label, label, scene.before, before.height, before.width)
        for tile in tiles:
            window = _window_of(tile, label)
            inside = window.within(label.height, label.width)
            *images, label_path = job.files(tile)
            for image, path in zip((before, after), images, strict=True):
                pixels = _pad(image.read(inside), window, 0)
                content = encode_image(
                    pixels, path.suffix, colours=image.colours, compression=job.compression
                )
                write_whole(path, content)
            write_whole(label_path, _encode_label(label.read(inside), window, job))


@contextlib.contextmanager
def _open_label(path: Path) -> Iterator[OpenImage]:
    """A label file; a TIFF is read in windows, others as training reads them."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield DecodedImage(read_single_band(str(path))[..., None])
    else:
        with open_image(path) as image:
            yield image


def _check_size(label: Path, image: OpenImage, other: Path, height: int, width: int) -> None:
    if (image.height, image.width) != (height, width):
        raise ImagePairError(
            f'The label differs in size (height, width) from its images: {label} has '
            f'{(image.height, image.width)}, {other} has {(height, width)}.'
        )


def _window_of(tile: Tile, image: OpenImage) -> Window:
    return tile.window or Window(0, 0, image.height, image.width)


def _pad(pixels: np.ndarray, window: Window, value: int) -> np.ndarray:
    """Fill up below and at the right to the window's size."""
    below, beside = window.height - pixels.shape[0], window.width - pixels.shape[1]
    if not below and not beside:
        return pixels
    return np.pad(pixels, ((0, below), (0, beside), (0, 0)), constant_values=value)


def _encode_label(values: np.ndarray, window: Window, job: CutJob) -> bytes:
    """A PNG in the encoding that the prepared data set states.

    Raises:
        LabelError: values outside the encoding, or several bands that differ.
    """
    if (values != values[..., :1]).any():
        raise LabelError(f'Label {job.scene.label}: expected one band, but it is coloured.')
    label = job.encoding.decode(values[..., 0], str(job.scene.label))
    label = _pad(label[..., None], window, IGNORED)[..., 0]
    return encode_mask(label, job.classes)
