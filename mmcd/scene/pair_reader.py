"""From two files to strips of a pair on one grid, as the network wants them."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio
from affine import Affine

from mmcd.errors import SceneError
from mmcd.scene.exclusions import open_exclusions
from mmcd.scene.grid import Grid, Overlap, check_grid, find_overlap, grid_of
from mmcd.scene.radiometry import Radiometry, to_bytes
from mmcd.scene.raster_reader import RasterReader, choose_bands, open_date
from mmcd.scene.registration import BlockShift, block_shifts, fit_registration
from mmcd.scene.sampling import DateSample, take_sample
from mmcd.scene.settings import RESOLUTION_FACTOR, SceneSettings
from mmcd.scene.sources import gdal_options
from mmcd.structures import RGB_8BIT, ImageSpec
from mmcd.structures.sentinel2 import BASELINE_OFFSET, find_baseline_offset

logger = logging.getLogger('mmcd')


@dataclass(frozen=True)
class OpenPair:
    """Two rasters that can be read on the grid of the map.

    Args:
        grid: of the map.
        before: the first date.
        after: the second date.
        samples: a look at both.
        metres_per_pixel: of the before image as it is in its file; None: not known.
        shifts: how far the after image lies from the before image, block by block.
        registration: the affine map, in pixels, by which the after image is moved; None: it is
            taken as it lies.
    """

    grid: Grid
    before: RasterReader
    after: RasterReader
    samples: tuple[DateSample, DateSample]
    metres_per_pixel: float | None = None
    shifts: tuple[BlockShift, ...] = ()
    registration: tuple[float, ...] | None = None


@contextlib.contextmanager
def open_pair(
    before: str, after: str, settings: SceneSettings, image: ImageSpec = RGB_8BIT
) -> Iterator[OpenPair]:
    """Open two rasters as a pair.

    Args:
        before: the first date, anything that GDAL opens, or a folder with a file for each band.
        after: the second date.
        settings: of the scene.
        image: what the model takes.

    Raises:
        SceneError: they can't be opened, don't form a pair, or don't fit the model.
        SceneStoppedError: they can't be read at all.
    """
    if image.standardize:
        raise SceneError(
            'The model was trained on images that are standardised one by one (`standardize` in '
            'the image description), which the strips of a scene are not. Use predict_pair, or '
            'train with a mean and a standard deviation of the data set in data_preprocessor.'
        )
    allow = settings.allow_remote
    with contextlib.ExitStack() as stack:
        stack.enter_context(rasterio.Env(**gdal_options(allow)))
        first, second = (
            stack.enter_context(open_date(path, date, settings, image))
            for path, date in ((before, 'before'), (after, 'after'))
        )
        for file, date in ((first, 'before'), (second, 'after')):
            check_grid(grid_of(file), date)
        overlap = find_overlap(grid_of(first), grid_of(second))
        own = overlap.grid.metres_per_pixel
        overlap = resampled(overlap, settings, image)
        grid = overlap.grid
        size = grid.height, grid.width

        def reader(dataset: Any, date: str, shift: Any, on: Grid = grid) -> RasterReader:
            opened = RasterReader(
                dataset,
                date,
                shift=shift,
                grid=on,
                bands=choose_bands(dataset, date, settings, image),
                no_data=settings.no_data,
                resampling=settings.resampling,
                offset=(settings.offset_before if date == 'before' else settings.offset_after) or 0,
                excluded=excluded,
            )
            return stack.enter_context(opened)

        excluded = stack.enter_context(
            open_exclusions(settings.mask or (), grid, allow_remote=allow)
        )
        at = None if overlap.is_resampled else (overlap.row, overlap.column)
        one, other = reader(first, 'before', at), reader(second, 'after', overlap.shift)
        shifts = block_shifts(one, other, *size)
        moved = None
        if settings.register:
            moved = fit_registration(shifts, *size)
            other = reader(second, 'after', None, grid.through(Affine(*moved), *size))
        samples = take_sample(one, *size), take_sample(other, *size)
        _warn_of_offset(*samples)
        yield OpenPair(grid, one, other, samples, own, shifts, moved)


def resampled(overlap: Overlap, settings: SceneSettings, image: ImageSpec) -> Overlap:
    """The overlap in pixels of the resolution that the settings ask for.

    Raises:
        SceneError: there is none to be had.
    """
    wanted = settings.resample_to
    if wanted is None:
        return overlap
    if isinstance(wanted, str):  # the model's
        own, trained = overlap.grid.metres_per_pixel, image.metres_per_pixel
        if own is None or trained is None or not is_far(own, trained):
            return overlap
        wanted = trained
    return Overlap(0, 0, overlap.grid.resampled(wanted), None, is_resampled=True)


def is_far(metres: float, trained: float) -> bool:
    """Whether a ground resolution is far from that of the training images."""
    return max(metres / trained, trained / metres) > RESOLUTION_FACTOR


def _warn_of_offset(before: DateSample, after: DateSample) -> None:
    """Tell where the dates look like Sentinel-2 products of two processing baselines."""
    both = before.valid & after.valid
    if before.values.dtype == np.uint8 or not both.any():
        return
    medians = [np.median(sample.values[:, both], axis=1) for sample in (before, after)]
    offset = find_baseline_offset(*medians)
    if offset:
        date, other = ('after', 'before') if offset > 0 else ('before', 'after')
        logger.warning(
            'The %s image lies about %d above the %s image in all bands, as Sentinel-2 products of '
            'processing baseline 04.00 (from 2022-01-25) do. If that is so, give --offset-%s -%d '
            '(offset_%s=-%d in Python).',
            *(date, BASELINE_OFFSET, other, date, BASELINE_OFFSET, date, BASELINE_OFFSET),
        )


@dataclass(frozen=True)
class Strip:
    """Some rows of both dates, the full width of the map.

    Args:
        pair: (2C, H, W) as the network takes it, before in the first C bands; filled where there
            is no data.
        valid: (H, W) bool, where both dates have data.
        checksums: of what was read of each date, by which a resumed run knows it again.
    """

    pair: np.ndarray
    valid: np.ndarray
    checksums: tuple[str, str]


class PairReader:
    """Reads both dates at the same time.

    Args:
        before: the first date.
        after: the second date.
        radiometry: of their pixels.
    """

    def __init__(self, before: RasterReader, after: RasterReader, radiometry: Radiometry) -> None:
        self._before = before
        self._after = after
        self._radiometry = radiometry
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix='read-after')

    def read(self, row: int, height: int) -> Strip:
        """Some rows of the map.

        Raises:
            SceneStoppedError: a block of a file can't be read.
        """
        (before, valid_before, one), (after, valid_after, other) = self._read_both(row, height)
        before = to_bytes(before, self._radiometry.before)
        after = to_bytes(after, self._radiometry.after)
        pair = np.concatenate([before, after])  # (2C, H, W)
        self._radiometry.fill.fill(pair, valid_before, valid_after)
        return Strip(pair, valid_before & valid_after, (one, other))

    def checksums(self, row: int, height: int) -> tuple[str, str]:
        """The checksums alone of some rows of the map.

        Raises:
            SceneStoppedError: a block of a file can't be read.
        """
        (_, _, before), (_, _, after) = self._read_both(row, height)
        return before, after

    def _read_both(self, row: int, height: int) -> tuple[Rows, Rows]:
        later = self._pool.submit(_read, self._after, row, height)
        try:
            before = _read(self._before, row, height)
        finally:
            later.exception()  # a file is not read from two threads at a time
        return before, later.result()


# Pixels (C, rows, W) as the file holds them, where they are data, and a checksum of both.
Rows = tuple[np.ndarray, np.ndarray, str]


def _read(reader: RasterReader, row: int, height: int) -> Rows:
    pixels, valid = reader.read(row, height)
    digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16)
    digest.update(np.ascontiguousarray(valid).data)
    return pixels, valid, digest.hexdigest()
