"""Writing TIFF files of any bands, as GeoTIFFs are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def write_tiff(path: Path, image: np.ndarray) -> Path:
    rasterio = pytest.importorskip('rasterio')
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width, bands = image.shape
    with rasterio.open(
        path, 'w', driver='GTiff', height=height, width=width, count=bands, dtype=image.dtype,
        crs='EPSG:32633', transform=rasterio.transform.from_origin(5e5, 5e6, 1, 1),
    ) as file:  # fmt: skip
        file.write(np.moveaxis(image, -1, 0))
    return path


def write_indices(path: Path) -> Path:
    """A TIFF file of four colours; Pillow's, so that it is there without rasterio."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.random.default_rng(0).integers(0, 4, (32, 32), np.uint8))
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(path)
    return path
