"""An image as a folder with a file for each band, as Sentinel-2's bands are published.

The folder holds the files, or is a product as the agency gives it out, ``*.SAFE`` unpacked, with
``GRANULE/*/IMG_DATA`` (level 1C) or ``GRANULE/*/IMG_DATA/R10m`` and so on (level 2A).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from mmcd.errors import ImagePairError
from mmcd.structures.image_spec import ImageSpec
from mmcd.structures.sentinel2 import SENTINEL2_BANDS, sentinel2_file_name

BAND_SUFFIXES = ('.tif', '.tiff', '.jp2')
# 'B04.tif', 'paris_B04.tif', 'T31UDQ_20160101T105412_B04_10m.jp2'
_BAND_NAME = re.compile(r'(?:^|_)(B(?:0[1-9]|1[0-2]|8A))(?:_(\d+)m)?$')
_IMAGES = 'IMG_DATA'
# What the products' own metadata say of the values, by the name of their file.
_OFFSETS = {'MTD_MSIL1C.xml': 'RADIO_ADD_OFFSET', 'MTD_MSIL2A.xml': 'BOA_ADD_OFFSET'}


def band_files(folder: Path) -> dict[str, Path]:
    """The file of each band of Sentinel-2 in a folder, by 'B01' ..., in order of wavelengths.

    Of files that name their resolution, ``_10m``, those of the finest.

    Raises:
        ImagePairError: there is none, a band is there twice at one resolution, or a product holds
            several granules.
    """
    found: dict[str, tuple[int, Path]] = {}
    for path in _files_of(folder):
        match = _BAND_NAME.search(path.stem)
        if path.suffix.lower() not in BAND_SUFFIXES or match is None:
            continue
        band, metres = match[1], int(match[2] or 0)
        other, former = found.get(band, (None, path))
        if metres == other:
            raise ImagePairError(
                f'Two files in {folder} are of band {band}: {former.name} and {path.name}. Leave '
                'one of them there.'
            )
        if other is None or metres < other:
            found[band] = metres, path
    if not found:
        raise ImagePairError(
            f'The folder {folder} holds no bands of Sentinel-2: expected files such as B04.tif or '
            'T31UDQ_20160101T105412_B04_10m.jp2, or a product (.SAFE) as it is when unpacked.'
        )
    return {band: found[band][1] for band in SENTINEL2_BANDS if band in found}


def is_product(folder: Path) -> bool:
    """Whether a folder is a product of Sentinel-2, or a granule or the images of one."""
    inside = any((folder / name).is_dir() for name in ('GRANULE', _IMAGES))
    return inside or _IMAGES in (folder.absolute().name, folder.absolute().parent.name)


def _files_of(folder: Path) -> list[Path]:
    """The files of a folder, or those of a product's images."""
    if (folder / 'GRANULE').is_dir():
        granules = sorted(path for path in (folder / 'GRANULE').iterdir() if path.is_dir())
        if len(granules) != 1:
            names = ', '.join(path.name for path in granules) or 'none'
            raise ImagePairError(
                f'The product {folder} is expected to hold one granule, but holds {names}. Name '
                f'the folder of one, such as {folder / "GRANULE" / "NAME"}.'
            )
        folder = granules[0]
    if (folder / _IMAGES).is_dir():
        folder /= _IMAGES
    if folder.absolute().name == _IMAGES:
        return sorted(folder.rglob('*'))
    return sorted(folder.iterdir())


def product_offset(folder: Path) -> int | None:
    """What a product's metadata say is to be added to its values: -1000 from baseline 04.00 on.

    Args:
        folder: the product, or a part of it, see :func:`is_product`.

    Returns:
        0 for the products before; None where the folder is no product, or its metadata are not
        there or cannot be read, or differ between the bands.
    """
    # PRODUCT/GRANULE/NAME/IMG_DATA/R10m
    places = [folder.absolute(), *folder.absolute().parents][: 5 if is_product(folder) else 1]
    for path, tag in [(place / name, tag) for place in places for name, tag in _OFFSETS.items()]:
        if not path.is_file():
            continue
        try:
            root = ElementTree.parse(path).getroot()
            values = {int(node.text or '') for node in root.iter() if node.tag.endswith(tag)}
        except (ElementTree.ParseError, ValueError, OSError):
            return None
        return values.pop() if len(values) == 1 else (None if values else 0)
    return None


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
