"""From two files to strips of a pair on one grid, as the network wants them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import rasterio

from mmcd.errors import SceneError
from mmcd.scene.grid import Grid, check_grid, find_overlap
from mmcd.scene.radiometry import Radiometry, to_bytes
from mmcd.scene.raster_reader import RasterReader, choose_bands, grid_of, open_raster
from mmcd.scene.sampling import DateSample, take_sample
from mmcd.scene.settings import SceneSettings
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
    """

    grid: Grid
    before: RasterReader
    after: RasterReader
    samples: tuple[DateSample, DateSample]


@contextmanager
def open_pair(
    before: str, after: str, settings: SceneSettings, image: ImageSpec = RGB_8BIT
) -> Iterator[OpenPair]:
    """Open two rasters as a pair.

    Args:
        before: the first date, anything that GDAL opens.
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
    with (
        rasterio.Env(**gdal_options(allow)),
        open_raster(before, 'before', allow_remote=allow) as first,
        open_raster(after, 'after', allow_remote=allow) as second,
    ):
        for file, date in ((first, 'before'), (second, 'after')):
            check_grid(grid_of(file), date)
        overlap = find_overlap(grid_of(first), grid_of(second))
        common: dict[str, Any] = dict(
            grid=overlap.grid,
            no_data=settings.no_data,
            resampling=settings.resampling,
        )
        size = overlap.grid.height, overlap.grid.width
        bands = [
            choose_bands(file, date, settings, image)
            for file, date in ((first, 'before'), (second, 'after'))
        ]
        shifts = (overlap.row, overlap.column), overlap.shift
        with (
            RasterReader(
                first,
                'before',
                shift=shifts[0],
                bands=bands[0],
                offset=settings.offset_before,
                **common,
            ) as one,
            RasterReader(
                second,
                'after',
                shift=shifts[1],
                bands=bands[1],
                offset=settings.offset_after,
                **common,
            ) as other,
        ):
            samples = take_sample(one, *size), take_sample(other, *size)
            _warn_of_offset(*samples)
            yield OpenPair(overlap.grid, one, other, samples)


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
