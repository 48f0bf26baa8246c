"""A look at a scene before it is mapped: small windows spread over it."""

from __future__ import annotations

import logging
import zlib
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.raster_reader import RasterReader

logger = logging.getLogger('mmcd.scene')

# 144 windows of 96 x 96 pixels: 1.3 million, which is more than percentiles need.
WINDOWS_PER_AXIS = 12
WINDOW_SIZE = 96


@dataclass(frozen=True)
class DateSample:
    """What one date shows in the windows.

    Args:
        values: (C, number) in the file's type.
        valid: (number,) bool, where they are data.
        checksums: of each window, None where it can't be read: they tell this image from others.
    """

    values: np.ndarray
    valid: np.ndarray
    checksums: tuple[int | None, ...]


def take_sample(reader: RasterReader, height: int, width: int) -> DateSample:
    """Read the windows of a date. Those that can't be read count as without data.

    Args:
        reader: of the date.
        height: of the map.
        width: of the map.

    Raises:
        SceneStoppedError: not a single window can be read.
    """
    values, valid = [], []
    checksums: list[int | None] = []
    unread: SceneStoppedError | None = None
    for window in sample_windows(height, width):
        row, column, rows, columns = window
        try:
            pixels, is_data = reader.read(row, rows, column, columns)
        except SceneStoppedError as error:
            confirm_unreadable(reader, window)
            unread = error
            pixels = np.zeros((reader.bands, rows, columns), reader.dtype)
            is_data = np.zeros((rows, columns), bool)
            checksums.append(None)
        else:
            checksums.append(zlib.crc32(is_data.tobytes(), zlib.crc32(pixels.tobytes())))
        values.append(pixels.reshape(len(pixels), -1))
        valid.append(is_data.ravel())
    if unread is not None:
        if not any(checksums):
            raise unread
        logger.warning('Parts of the scene are unreadable: %s', unread)
    return DateSample(
        np.concatenate(values, axis=1), np.concatenate(valid), checksums=tuple(checksums)
    )


def confirm_unreadable(reader: RasterReader, window: tuple[int, int, int, int]) -> None:
    """Make sure that a window (row, column, height, width) that can't be read stays so.

    To be called wherever such an error is passed over: of some files, GDAL says once that it can't
    read them, and gives zeros from then on.

    Raises:
        SceneError: now it can be read.
    """
    row, column, rows, columns = window
    with suppress(SceneStoppedError):
        reader.read(row, rows, column, columns)
        raise SceneError(
            f'The image {reader.path} could not be read, and then it could: what GDAL gives of it '
            'cannot be trusted. Save it as a GeoTIFF first.'
        )


def sample_windows(height: int, width: int) -> list[tuple[int, int, int, int]]:
    """Windows (row, column, height, width) spread evenly, row by row."""
    rows, columns = _positions(height), _positions(width)
    size = min(WINDOW_SIZE, height), min(WINDOW_SIZE, width)
    return [(row, column, *size) for row in rows for column in columns]


def _positions(size: int) -> list[int]:
    if size <= WINDOW_SIZE:
        return [0]
    number = min(WINDOWS_PER_AXIS, -(-size // WINDOW_SIZE))
    return np.linspace(0, size - WINDOW_SIZE, number).round().astype(int).tolist()
