"""OSCD's bands on one grid of 10 metres, by the rule of its authors."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from mmcd.errors import DatasetNotFoundError, StackError
from mmcd.io.atomic import write_whole
from mmcd.io.band_folder import band_files, choose_band_files
from mmcd.io.image_encoding import encode_image
from mmcd.io.images import read_image
from mmcd.structures import ImageSpec
from mmcd.structures.sentinel2 import SENTINEL2_FACTORS, sentinel2_file_name

DATES = ('imgs_1', 'imgs_2')


def rect_folders(city: Path, cache: Path, image: ImageSpec) -> tuple[Path, Path]:
    """The folders of both dates with the bands at 10 metres.

    Args:
        city: the folder of a city, with ``imgs_1_rect`` and ``imgs_2_rect``, or ``imgs_1`` and
            ``imgs_2`` to make them from.
        cache: where those that are made are kept.
        image: whose bands are wanted; no others are made.

    Raises:
        DatasetNotFoundError: neither is there, or bands are missing.
        ImagePairError: see :func:`mmcd.io.band_folder.band_files`.
    """
    published = [city / f'{date}_rect' for date in DATES]
    if all(folder.is_dir() for folder in published):
        for folder in published:
            choose_band_files(folder, image)  # names what is not there
        return published[0], published[1]
    if not all((city / date).is_dir() for date in DATES):
        raise DatasetNotFoundError(
            f'{city} has neither imgs_1_rect and imgs_2_rect nor imgs_1 and imgs_2.'
        )
    made = [cache / f'{date}_rect' for date in DATES]
    bands = [name for band in image.bands if (name := sentinel2_file_name(band)) is not None]
    wanted = [(date, band) for date in (0, 1) for band in bands]
    missing = [(date, band) for date, band in wanted if not (made[date] / f'{band}.tif').is_file()]
    if missing:
        logging.getLogger('mmcd').info('%s: bringing bands to 10 metres, once', city.name)
        _make(city, made, missing)
    return made[0], made[1]


def to_grid(
    band: np.ndarray, factor: int, own: tuple[int, int], first: tuple[int, int]
) -> np.ndarray:
    """One band at 10 metres.

    Args:
        band: at its own resolution, (H, W).
        factor: pixels of 10 metres along the side of one of its pixels.
        own: height and width of the 10-metre bands of its date.
        first: height and width of the first date's, which both dates get.

    Shape:
        (H, W) to ``first``.

    Reference:
        the notebook that Daudt et al. publish with their code: cubic splines, then cropping, or
        repeating the last row and column.
    """
    return _fit(_fit(_zoom(band, factor), own), first)


def _make(city: Path, made: list[Path], missing: list[tuple[int, str]]) -> None:
    files = [band_files(city / date) for date in DATES]
    gone = sorted(
        {band for date, band in missing if band not in files[date]} | ({'B02'} - files[0].keys())
    )
    if gone:
        raise DatasetNotFoundError(f'{city} has no files for the bands {", ".join(gone)}.')
    sizes = [read_image(files[date].get('B02', files[0]['B02'])).shape[:2] for date in (0, 1)]
    for date, band in missing:
        made[date].mkdir(parents=True, exist_ok=True)
        pixels = to_grid(
            read_image(files[date][band])[..., 0], SENTINEL2_FACTORS[band], sizes[date], sizes[0]
        )
        write_whole(made[date] / f'{band}.tif', encode_image(pixels[..., None], '.tif'))


def _zoom(band: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return band
    try:
        from scipy.ndimage import zoom
    except ImportError as error:
        raise StackError(
            'Bringing the bands of OSCD to 10 metres needs SciPy: pip install scipy. Or give the '
            'folders imgs_1_rect and imgs_2_rect.'
        ) from error
    return zoom(band, factor)


def _fit(band: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    band = band[: size[0], : size[1]]
    below, beside = size[0] - band.shape[0], size[1] - band.shape[1]
    return np.pad(band, ((0, below), (0, beside)), mode='edge')
