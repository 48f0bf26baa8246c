"""Writing rows as GeoTIFF, and giving outputs their names when they are complete."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.windows import Window

from mmcd.errors import FileWriteError, SceneError, SceneStoppedError
from mmcd.io.atomic import cannot_write, check_writable, free_space, sync_to_disk
from mmcd.io.run_lock import hold_lock
from mmcd.scene.grid import Grid
from mmcd.scene.partial_run import NO_DATA, PROBABILITY_STEPS
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.structures import BINARY_CHANGE, ChangeClasses

BLOCK = 512
NO_DATA_COLOUR = (128, 128, 128)


def partial_name(path: Path) -> Path:
    """The name of an output while it is written."""
    return path.with_name(f'.{path.stem}.partial{path.suffix}')


@contextmanager
def claim_outputs(outputs: SceneOutputs) -> Iterator[None]:
    """Keep other runs from a scene's outputs, once it is clear that each can be written.

    Raises:
        FileWriteError: a name is taken by a folder, or a file can't be made there.
        InUseError: another run writes one of them.
    """
    with ExitStack() as stack:
        for path in outputs.all():
            lock = path.with_name(f'.{path.name}.lock')
            try:
                stack.enter_context(hold_lock(lock, f'the output {path}', keep_file=False))
            except FileWriteError:
                raise
            except OSError as error:
                raise cannot_write(path, error) from error
        for path in [*outputs.all(), outputs.report]:
            check_writable(path)
        yield


def check_crs(crs: CRS | None) -> None:
    """Find out before the work whether a GeoTIFF can hold the map's CRS.

    One that it can't hold, GDAL writes into a file beside the GeoTIFF; the map, which gets its
    name when it is complete, would be without it.

    Raises:
        SceneError: it can't.
    """
    if crs is None:
        return
    profile = dict(driver='GTiff', height=1, width=1, count=1, dtype='uint8')
    with rasterio.Env(GDAL_PAM_ENABLED=False), MemoryFile() as memory:
        with memory.open(**profile, crs=crs, transform=Affine.scale(2)):
            pass
        with memory.open() as file:
            is_held = file.crs is not None
    if not is_held:
        raise SceneError(
            f'The map would have no place on the Earth: it is in the CRS of the before image, '
            f'{crs.to_proj4() or crs.to_string()}, which a GeoTIFF cannot hold. Warp the '
            'before image to another one first, such as with gdalwarp -t_srs EPSG:4326.'
        )


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Write an output under its partial name; removed where writing fails.

    Raises:
        SceneStoppedError: it can't be written.
    """
    partial = partial_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        yield partial
        sync_to_disk(partial)
    except SceneStoppedError:
        partial.unlink(missing_ok=True)
        raise
    except Exception as error:  # GDAL has many types of them, few of which say what is wrong
        partial.unlink(missing_ok=True)
        raise SceneStoppedError(
            f'Cannot write {path}: {error} {free_space(path.parent)}'
        ) from error


def publish(paths: Iterable[Path]) -> None:
    """Give complete outputs their names."""
    for path in paths:
        os.replace(partial_name(path), path)


def write_raster(
    path: Path,
    rows: Iterable[np.ndarray],
    grid: Grid,
    tags: Mapping[str, str],
    *,
    cog: bool,
    classes: ChangeClasses = BINARY_CHANGE,
) -> None:
    """Write a map or a probability as tiled, compressed GeoTIFF, under its partial name.

    Args:
        path: the name it will have.
        rows: arrays (rows, W) of one type from top to bottom: uint8 masks, or probabilities of
            uint8 or float32.
        grid: of the map.
        tags: metadata; ``MMCD_CONTENT`` of them is 'mask' or 'probability'.
        cog: write a cloud-optimised GeoTIFF, with overviews.
        classes: of a mask: its colour table, and the names of its values.

    Raises:
        SceneStoppedError: it can't be written.
    """
    with writing(path) as partial:
        plain = partial.with_suffix('.plain.tif') if cog else partial
        try:
            checksum = _write_geotiff(plain, rows, grid, tags, classes)
            is_mask = tags['MMCD_CONTENT'] == 'mask'
            if not cog:
                _add_overviews(partial, grid, is_mask=is_mask)
            else:
                rasterio.shutil.copy(
                    plain,
                    partial,
                    driver='COG',
                    compress='DEFLATE',
                    blocksize=BLOCK,
                    bigtiff='IF_SAFER',
                    overview_resampling='MODE' if is_mask else 'AVERAGE',
                )
            _verify(partial, checksum)
        finally:
            if cog:
                plain.unlink(missing_ok=True)


def _write_geotiff(
    path: Path,
    rows: Iterable[np.ndarray],
    grid: Grid,
    tags: Mapping[str, str],
    classes: ChangeClasses,
) -> int:
    """Write a GeoTIFF and return the checksum of its pixels."""
    blocks = in_blocks(rows, BLOCK)
    first = next(blocks)
    is_float = first.dtype == np.float32
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        height=grid.height,
        width=grid.width,
        count=1,
        dtype=first.dtype,
        crs=grid.crs,
        transform=grid.transform,
        nodata=np.nan if is_float else NO_DATA,
        tiled=True,
        blockxsize=BLOCK,
        blockysize=BLOCK,
        compress='deflate',
        predictor=3 if is_float else 1,
        bigtiff='IF_SAFER',
        num_threads='ALL_CPUS',
    ) as file:
        file.update_tags(**tags)
        file.set_band_description(1, tags['MMCD_CONTENT'])
        if tags['MMCD_CONTENT'] == 'mask':
            file.write_colormap(1, {**dict(enumerate(classes.palette)), NO_DATA: NO_DATA_COLOUR})
            names = {f'CLASS_{index}': name for index, name in enumerate(classes.names)}
            file.update_tags(1, **names)
        elif not is_float:
            file.scales = (1 / PROBABILITY_STEPS,)
        row = checksum = 0
        for block in itertools.chain([first], blocks):
            file.write(block, 1, window=Window(0, row, grid.width, len(block)))
            checksum = zlib.crc32(block.tobytes(), checksum)
            row += len(block)
    return checksum


def _add_overviews(path: Path, grid: Grid, *, is_mask: bool) -> None:
    """Smaller versions of a raster in its own file, so that GIS programs show it at once."""
    longer = max(grid.height, grid.width)
    factors = [2**n for n in range(1, 20) if longer >= BLOCK * 2 ** (n - 1) + 1]
    if factors:
        with rasterio.Env(COMPRESS_OVERVIEW='DEFLATE'), rasterio.open(path, 'r+') as file:
            file.build_overviews(factors, Resampling.mode if is_mask else Resampling.average)


def _verify(path: Path, checksum: int) -> None:
    """Read a file back: where a disk is full, GDAL does not always notice."""
    found = 0
    with rasterio.open(path) as file:
        for row in range(0, file.height, BLOCK):
            height = min(BLOCK, file.height - row)
            block = file.read(1, window=Window(0, row, file.width, height))
            found = zlib.crc32(block.tobytes(), found)
    if found != checksum:
        raise OSError('read back, it is not what was written.')


def in_blocks(rows: Iterable[np.ndarray], height: int) -> Iterator[np.ndarray]:
    """Regroup rows: ``height`` at a time, so that each block of a file is written once."""
    waiting: list[np.ndarray] = []
    for part in rows:
        waiting.append(part)
        while sum(map(len, waiting)) >= height:
            joined = np.concatenate(waiting)
            yield joined[:height]
            waiting = [joined[height:]]
    rest = np.concatenate(waiting)
    if len(rest):
        yield rest
