"""Writing tiny OSCD and SZTAKI AirChange data sets in their authors' layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mmcd.datasets.oscd import IMAGES, PREFIX
from mmcd.structures.sentinel2 import SENTINEL2_BANDS, SENTINEL2_FACTORS
from tests.tiff_files import write_tiff
from tests.tiny_pairs import draw_pair

CITIES = {'train': ('bercy', 'cupertino', 'paris', 'rennes'), 'test': ('dubai', 'rio')}


def write_tiny_oscd(
    root: Path,
    *,
    cities: Mapping[str, Sequence[str]] = CITIES,
    height: int = 48,
    width: int = 60,
    rect: bool = True,
) -> Path:
    """Write cities with ``imgs_*_rect``, or with each band at its own resolution (``rect=False``).

    The value of a pixel is 1000 times the number of its band, plus what is drawn.

    Returns:
        ``root``.
    """
    rng = np.random.RandomState(0)
    for split, names in cities.items():
        for city in names:
            before, after, label = draw_pair(rng, height, width)
            for date, image in ((1, before), (2, after)):
                folder = root / IMAGES / city / f'imgs_{date}{"_rect" if rect else ""}'
                folder.mkdir(parents=True)
                for number, band in enumerate(SENTINEL2_BANDS):
                    step = 1 if rect else SENTINEL2_FACTORS[band]
                    pixels = 1000 * number + image[::step, ::step, :1].astype(np.uint16)
                    write_tiff(folder / (f'{band}.tif' if rect else f'{city}_{band}.tif'), pixels)
            folder = root / f'{PREFIX}{split.title()} Labels' / city / 'cm'
            folder.mkdir(parents=True)
            rgba = np.dstack([label * 255] * 3 + [np.full_like(label, 255)])
            Image.fromarray(rgba if split == 'train' else rgba[..., 0]).save(folder / 'cm.png')
            if split == 'train':
                Image.fromarray(label + 1).save(folder / f'{city}-cm.tif')
        (root / IMAGES / f'{split}.txt').write_text(f' {",".join(names)}\n')
    return root


def write_tiny_sztaki(
    root: Path, *, pairs: Mapping[str, int] | None = None, suffix: str = '.bmp'
) -> Path:
    """Write pairs of 460x800, so that the official test area fits.

    Returns:
        ``root``.
    """
    rng = np.random.RandomState(0)
    for series, number in (pairs or {'Szada': 7, 'Tiszadob': 5, 'Archieve': 1}).items():
        for index in range(1, number + 1):
            before, after, label = draw_pair(rng, 460, 800)
            folder = root / series / str(index)
            folder.mkdir(parents=True)
            for name, image in (('im1', before), ('im2', after), ('gt', label * 255)):
                Image.fromarray(image).save(folder / f'{name}{suffix}')
    return root
