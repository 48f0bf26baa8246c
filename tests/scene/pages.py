"""Small scenes with blocks that appear, mapped with their web pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from mmcd.inference import FunctionPredictor
from mmcd.scene.scene import map_scene
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings
from tests.scene.rasters import draw_ground, utm, write_raster

HEIGHT, WIDTH = 120, 200
BLOCKS = ((10, 20, 30, 40), (60, 100, 20, 20), (100, 180, 4, 4))  # row, column, height, width


def bright(tiles: np.ndarray) -> np.ndarray:
    """The blocks, which are the only bright pixels of the after image."""
    return np.where(tiles[:, 3] > 250, 0.9, 0.1).astype(np.float32)


def write_dates(folder: Path, scale: int = 1) -> list[Path]:
    before = draw_ground(HEIGHT, WIDTH) // 2
    after = before.copy()
    for row, column, height, width in BLOCKS:
        after[:, row : row + height, column : column + width] = 254
    return [
        write_raster(folder / f'{name}.tif', (pixels.astype(int) * scale).astype(dtype), utm())
        for name, pixels in (('before', before), ('after', after))
        for dtype in ('uint8' if scale == 1 else 'uint16',)
    ]


def map_with_page(folder: Path, dates: list[Path], **kwargs: Any) -> Path:
    settings = SceneSettings(tile_size=64, overlap=16, min_area=0, **kwargs.pop('settings', {}))
    outputs = SceneOutputs.named(folder / 'map.tif', folder / 'p.tif', folder / 'areas.gpkg')
    predictor = kwargs.pop('predictor', FunctionPredictor(bright))
    page = folder / 'page'
    map_scene(predictor, *map(str, dates), outputs, settings, page=page, **kwargs)
    return page / 'index.html'
