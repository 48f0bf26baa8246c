"""A pair of rasters to map."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest

from tests.scene.mapping import HEIGHT, WIDTH
from tests.scene.rasters import draw_ground, utm, write_raster

# The smallest PNG that there is.
DOT = base64.b64decode(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='
)


@pytest.fixture(autouse=True)
def _no_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A map's quicklook takes most of the time of a small one: it is drawn in its own tests."""
    if request.module.__name__.rpartition('.')[2] != 'test_quicklook':
        monkeypatch.setattr('mmcd.scene.quicklook._figure', lambda *_: DOT)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two dates on one grid; a bright block appears."""
    before, after = draw_ground(HEIGHT, WIDTH), draw_ground(HEIGHT, WIDTH) + np.uint8(10)
    after[:, 100:180, 90:200] = 250
    return (
        write_raster(tmp_path / 'before.tif', before, utm()),
        write_raster(tmp_path / 'after.tif', after, utm(), tiled=True, compress='deflate'),
    )
