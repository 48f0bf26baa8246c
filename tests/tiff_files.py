"""Writing TIFF files of any bands, as GeoTIFFs are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


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
