"""Cutting one scene: reading its files, writing its tiles."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mmcd.data_tools.prepare.dataset_plan import Tile
from mmcd.data_tools.prepare.polygons import draw_label, is_polygons
from mmcd.data_tools.prepare.sources import Scene
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.label_file import label_image, take_single_band
from mmcd.datasets.layout import PairLayout
from mmcd.datasets.transforms.loading import read_single_band
from mmcd.errors import ImagePairError, MMCDError
from mmcd.io.atomic import write_whole
from mmcd.io.image_encoding import FAST_COMPRESSION, encode_image, encode_mask, read_notes
from mmcd.io.images import (
    TIFF_SUFFIXES,
    DecodedImage,
    OpenImage,
    Window,
    check_no_palette,
    open_image,
    read_header,
)
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED

CHUNK = 1 << 22
SHAPEFILE_PARTS = ('.shx', '.dbf', '.prj', '.cpg')
# What a written label notes: the hash of the files that it was made from, and the sizes of its
# tile's images.
SOURCE_NOTE = 'mmcd source'
SIZES_NOTE = 'mmcd sizes'


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
        digest: of the scene's files; None: to be computed.
    """

    scene: Scene
    tiles: tuple[Tile, ...]
    out: Path
    layout: PairLayout
    encoding: LabelEncoding
    compression: int = FAST_COMPRESSION
    classes: ChangeClasses = BINARY_CHANGE
    digest: str | None = None

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


def source_digest(scene: Scene) -> str:
    """A hash of a scene's files: by it, tiles of files that were mended since are known.

    Raises:
        OSError: a file can't be read.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in (scene.before, scene.after, *_label_files(scene)):
        digest.update(path.stat().st_size.to_bytes(8, 'big'))
        with path.open('rb') as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _label_files(scene: Scene) -> list[Path]:
    """The files that a scene's label is made from; a shapefile is several."""
    labels = [scene.label] if scene.label_after is None else [scene.label, scene.label_after]
    shapefiles = [label for label in labels if label.suffix.lower() == '.shp']
    parts = [label.with_suffix(suffix) for label in shapefiles for suffix in SHAPEFILE_PARTS]
    return labels + [part for part in parts if part.is_file()]


def run_cut(job: CutJob) -> CutResult:
    """Write those files of a job's tiles that are not there, or are of another source."""
    kept = 0
    try:
        job = job if job.digest else replace(job, digest=source_digest(job.scene))
        missing = [tile for tile in job.tiles if not _is_there(job, tile)]
        kept = len(job.tiles) - len(missing)
        if not missing:
            return CutResult(kept=kept)
        if missing[0].window is None:
            _take_whole(job, missing[0])
        else:
            _cut_tiles(job, missing)
    except (MMCDError, OSError) as error:
        return CutResult(kept=kept, error=str(error))
    return CutResult(len(missing), kept)


def _is_there(job: CutJob, tile: Tile) -> bool:
    """Whether a tile's files are whole, and made from the scene's files as they are now.

    Its label is written last, and notes what the others are.
    """
    *images, label = job.files(tile)
    try:
        noted = read_notes(label)
        sizes = [str(path.stat().st_size) for path in images]
    except (OSError, ImagePairError):
        return False
    return noted.get(SOURCE_NOTE) == job.digest and noted.get(SIZES_NOTE) == ' '.join(sizes)


def _notes(job: CutJob, sizes: list[int]) -> dict[str, str]:
    return {SOURCE_NOTE: str(job.digest), SIZES_NOTE: ' '.join(map(str, sizes))}


def _take_whole(job: CutJob, tile: Tile) -> None:
    """Take the images byte for byte, without a second loss of JPEG, and write the label anew."""
    before, after, label = job.files(tile)
    with _open_label(job) as image:
        window = _window_of(tile, image)
        for path in (job.scene.before, job.scene.after):
            header = read_header(path)
            _check_size(job.scene.label, image, path, header.height, header.width)
        values = image.read(window)
    decoded = _read_label(values, image, window, job)
    sizes = []
    for source, target in ((job.scene.before, before), (job.scene.after, after)):
        content = source.read_bytes()
        sizes.append(len(content))
        write_whole(target, content, sync=False)
    write_whole(label, encode_mask(decoded, job.classes, notes=_notes(job, sizes)), sync=False)


def _cut_tiles(job: CutJob, tiles: list[Tile]) -> None:
    scene = job.scene
    with (
        open_image(scene.before) as before,
        open_image(scene.after) as after,
        _open_label(job) as label,
    ):
        check_no_palette(scene.before, before)
        check_no_palette(scene.after, after)
        _check_size(scene.label, label, scene.before, before.height, before.width)
        for tile in tiles:
            window = _window_of(tile, label)
            inside = window.within(label.height, label.width)
            *images, label_path = job.files(tile)
            sizes = []
            for image, path in zip((before, after), images, strict=True):
                pixels = _pad(image.read(inside), window, 0)
                content = encode_image(
                    pixels, path.suffix, colours=image.colours, compression=job.compression
                )
                sizes.append(len(content))
                write_whole(path, content, sync=False)
            decoded = _read_label(label.read(inside), label, window, job)
            content = encode_mask(decoded, job.classes, notes=_notes(job, sizes))
            write_whole(label_path, content, sync=False)


@contextlib.contextmanager
def _open_label(job: CutJob) -> Iterator[OpenImage]:
    """A label; a TIFF is read in windows, others as training reads them, polygons are drawn.

    Raises:
        LabelError: it can't be read right.
    """
    scene, path = job.scene, job.scene.label
    if is_polygons(path):
        drawn = draw_label(path, scene.label_after, scene.before, job.encoding)
        yield DecodedImage(drawn[..., None])
        return
    if path.suffix.lower() not in TIFF_SUFFIXES:
        yield DecodedImage(read_single_band(str(path))[..., None])
        return
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


def _read_label(values: np.ndarray, image: OpenImage, window: Window, job: CutJob) -> np.ndarray:
    """Class indices (H, W) of a window.

    Raises:
        LabelError: values outside the encoding, or see
            :func:`mmcd.datasets.label_file.take_single_band`.
    """
    source = str(job.scene.label)
    band = take_single_band(label_image(values, image, source), source)
    label = job.encoding.decode(band, source)
    return _pad(label[..., None], window, IGNORED)[..., 0]
