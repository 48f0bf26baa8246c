"""Small synthetic rasters, and networks that stand in for a real one."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import Affine, from_origin

UTM = 'EPSG:32633'
LEFT, TOP = 400_000, 5_600_000


def utm(metres: float = 0.5, left: float = LEFT, top: float = TOP) -> Affine:
    return from_origin(left, top, metres, metres)


def chain(outer: Affine, inner: Affine) -> Affine:
    """First ``inner``, then ``outer``: Affine 3 has another operator for it than Affine 2."""
    product = np.reshape(outer, (3, 3)) @ np.reshape(inner, (3, 3))
    return Affine(*product.flat[:6])


def write_raster(
    path: Path,
    pixels: np.ndarray,
    transform: Affine | None = None,
    crs: str | None = UTM,
    **profile: Any,
) -> Path:
    """Write (C, H, W); without a transform, without georeference."""
    bands, height, width = pixels.shape
    profile = {'driver': 'GTiff', **profile}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with rasterio.open(
            path,
            'w',
            height=height,
            width=width,
            count=bands,
            dtype=pixels.dtype,
            crs=crs if transform is not None else None,
            transform=transform,
            **profile,
        ) as file:
            file.write(pixels)
    return path


def read_raster(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read(1)


def draw_ground(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random colours, (3, H, W) uint8 in 40 .. 200."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(40, 200, (height // 16 + 2, width // 16 + 2, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    noisy = smooth + rng.normal(0, 4, smooth.shape)
    return np.clip(noisy, 1, 254).astype(np.uint8).transpose(2, 0, 1).copy()


def first_band(tiles: np.ndarray) -> np.ndarray:
    """The before image's red as the probability."""
    return tiles[:, 0].astype(np.float32) / 255


def difference(tiles: np.ndarray) -> np.ndarray:
    """How much the dates differ, per pixel."""
    before, after = np.split(tiles.astype(np.float32), 2, axis=1)
    return np.abs(before - after).mean(axis=1) / 255


class BlurredDifference:
    """A convolution with zero padding: it sees ``radius`` pixels around, and the tile's border."""

    def __init__(self, radius: int = 6) -> None:
        self.size = 2 * radius + 1

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        return np.stack(
            [
                cv2.blur(tile, (self.size, self.size), borderType=cv2.BORDER_CONSTANT)
                for tile in difference(tiles)
            ]
        )
