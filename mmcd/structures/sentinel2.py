"""The names of Sentinel-2's bands: as in its files, and as they are called across sensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# From the file's name to the common name, in the order of the wavelengths. Sorted by file name, B8A
# would come after B12.
SENTINEL2_BANDS = {
    'B01': 'coastal',
    'B02': 'blue',
    'B03': 'green',
    'B04': 'red',
    'B05': 'rededge071',
    'B06': 'rededge075',
    'B07': 'rededge078',
    'B08': 'nir',
    'B8A': 'nir08',
    'B09': 'nir09',
    'B10': 'cirrus',
    'B11': 'swir16',
    'B12': 'swir22',
}
# Pixels of 10 metres along one side of a band's own pixel.
SENTINEL2_FACTORS = {
    **dict.fromkeys(('B02', 'B03', 'B04', 'B08'), 1),
    **dict.fromkeys(('B05', 'B06', 'B07', 'B8A', 'B11', 'B12'), 2),
    **dict.fromkeys(('B01', 'B09', 'B10'), 6),
}
# What processing baseline 04.00 adds to all values of products from 2022-01-25 on.
BASELINE_OFFSET = 1000
# How far the medians of two dates, which also differ in season and haze, may lie from it: those of
# each band, and the middle one of all bands.
_BAND_TOLERANCE, _MIDDLE_TOLERANCE = 500, 250
_FILE_NAMES = {common: name for name, common in SENTINEL2_BANDS.items()}


def sentinel2_file_name(band: str) -> str | None:
    """'B04' of 'red' or of 'B04'; None where Sentinel-2 has no such band."""
    return band if band in SENTINEL2_BANDS else _FILE_NAMES.get(band)


def find_baseline_offset(before: Sequence[float], after: Sequence[float]) -> int:
    """Whether only one of two dates has the offset of Sentinel-2's newer products.

    Args:
        before: the median of each band of the first date.
        after: those of the second date.

    Returns:
        1000 where the second date has it, -1000 where the first has it, else 0.
    """
    difference = np.asarray(after, np.float64) - np.asarray(before, np.float64)
    for offset in (BASELINE_OFFSET, -BASELINE_OFFSET):
        rest = np.abs(difference - offset)
        if (
            rest.max() <= _BAND_TOLERANCE
            and abs(np.median(difference) - offset) <= _MIDDLE_TOLERANCE
        ):
            return offset
    return 0
