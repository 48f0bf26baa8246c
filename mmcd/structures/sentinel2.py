"""The names of Sentinel-2's bands: as in its files, and as they are called across sensors."""

from __future__ import annotations

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
_FILE_NAMES = {common: name for name, common in SENTINEL2_BANDS.items()}


def sentinel2_file_name(band: str) -> str | None:
    """'B04' of 'red' or of 'B04'; None where Sentinel-2 has no such band."""
    return band if band in SENTINEL2_BANDS else _FILE_NAMES.get(band)
