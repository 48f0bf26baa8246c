"""A pair of rasters to map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.scene.mapping import HEIGHT, WIDTH
from tests.scene.rasters import draw_ground, utm, write_raster


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two dates on one grid; a bright block appears."""
    before, after = draw_ground(HEIGHT, WIDTH), draw_ground(HEIGHT, WIDTH) + np.uint8(10)
    after[:, 100:180, 90:200] = 250
    return (
        write_raster(tmp_path / 'before.tif', before, utm()),
        write_raster(tmp_path / 'after.tif', after, utm(), tiled=True, compress='deflate'),
    )
