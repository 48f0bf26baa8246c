"""An image as a folder with a file for each band, as Sentinel-2's bands are published."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmcd.errors import ImagePairError
from mmcd.structures.image_spec import ImageSpec
from mmcd.structures.sentinel2 import SENTINEL2_BANDS, sentinel2_file_name

BAND_SUFFIXES = ('.tif', '.tiff')
# 'B04.tif', 'paris_B04.tif', 'T31UDQ_20160101T105412_B04_10m.tif'
_BAND_NAME = re.compile(r'(?:^|_)(B(?:0[1-9]|1[0-2]|8A))(?:_\d+m)?$')


def band_files(folder: Path) -> dict[str, Path]:
    """The file of each band of Sentinel-2 in a folder, by 'B01' ..., in order of wavelengths.

    Raises:
        ImagePairError: there is none, or a band is there twice.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        match = _BAND_NAME.search(path.stem)
        if path.suffix.lower() not in BAND_SUFFIXES or match is None:
            continue
        if match[1] in found:
            raise ImagePairError(
                f'Two files in {folder} are of band {match[1]}: {found[match[1]].name} and '
                f'{path.name}. Leave one of them there.'
            )
        found[match[1]] = path
    if not found:
        raise ImagePairError(
            f'The folder {folder} holds no bands of Sentinel-2: expected files such as B04.tif or '
            'paris_B04.tif.'
        )
    return {band: found[band] for band in SENTINEL2_BANDS if band in found}


def choose_band_files(folder: Path, image: ImageSpec) -> list[Path]:
    """The files of an image description's bands, in its order.

    Raises:
        ImagePairError: a band has no file, or the description names one that is none of
            Sentinel-2's.
    """
    files = band_files(folder)
    names = [sentinel2_file_name(band) for band in image.bands]
    missing = [
        band
        for band, name in zip(image.bands, names, strict=True)
        if name is None or name not in files
    ]
    if missing:
        known = ', '.join(f'{name} ({SENTINEL2_BANDS[name]})' for name in files)
        raise ImagePairError(
            f'The folder {folder} has no file for the band{"s" if len(missing) > 1 else ""} '
            f'{", ".join(missing)}, which the model takes; it has {known}.'
        )
    return [files[name] for name in names if name is not None]


def stack_bands(bands: Sequence[np.ndarray], paths: Sequence[Path]) -> np.ndarray:
    """Bands (H, W, 1) each as one image (H, W, C).

    Raises:
        ImagePairError: they differ in size or type, or a file holds several bands.
    """
    shapes = {(band.shape, str(band.dtype)) for band in bands}
    if len(shapes) > 1 or bands[0].shape[2] != 1:
        lines = '\n'.join(
            f'  {path.name}: {band.shape} of {band.dtype}'
            for path, band in zip(paths, bands, strict=True)
        )
        raise ImagePairError(
            f'The files of {paths[0].parent} do not form one image; each must hold one band, all '
            f'of one size and type, but they are (height, width, bands):\n{lines}\n'
            'Bring them to one resolution first.'
        )
    return np.concatenate(list(bands), axis=2)
