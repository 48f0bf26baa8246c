"""The files of a map: whose they are, and where they can be written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from mmcd.errors import FileWriteError, InUseError, SceneError
from mmcd.inference import FunctionPredictor
from mmcd.scene.scene import map_scene
from mmcd.scene.settings import SceneOutputs, SceneSettings
from tests.scene.mapping import BLUR, StopsAt, map_small
from tests.scene.rasters import (
    read_raster,
)


def test_two_runs_on_one_output(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """The second is told who the first is, whichever output they have in common."""
    out = tmp_path / 'map.tif'

    class StartsAnother(StopsAt):
        def __call__(self, tiles: np.ndarray) -> np.ndarray:
            if not self.calls:
                for resume in (False, True):
                    with pytest.raises(
                        InUseError, match=f'map.* is in use by process {os.getpid()}'
                    ):
                        map_small(BLUR, *pair, out, resume=resume)
                    with pytest.raises(InUseError, match=r'map_p.* is in use by process'):
                        map_scene(
                            FunctionPredictor(BLUR),
                            *map(str, pair),
                            SceneOutputs(tmp_path / 'other.tif', tmp_path / 'map_p.tif'),
                        )
            return super().__call__(tiles)

    map_small(StartsAnother(), *pair, out)
    map_small(BLUR, *pair, tmp_path / 'expected.tif')
    assert (read_raster(out) == read_raster(tmp_path / 'expected.tif')).all()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith('.')]


def test_the_lock_of_a_killed_run_is_no_hindrance(pair: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ('.map.tif.lock', '.map.tif.lock.holder'):
        (tmp_path / name).write_text('{"pid": 1, "host": "gone", "started": "", "command": ""}')
    map_small(BLUR, *pair, tmp_path / 'map.tif')
    assert not [path for path in tmp_path.iterdir() if path.name.startswith('.')]


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (('folder.tif', None, None), r'folder\.tif: it is the name of a folder'),
        (('map.tif', 'folder.tif', None), r'folder\.tif: it is the name of a folder'),
        (
            ('map.tif', None, 'file/x.gpkg'),
            r'Cannot write .*file/x\.gpkg: .*irectory|File exists',
        ),
        (('x' * 250 + '.tif', None, None), 'Cannot write .*: File name too long'),
        (('x/' * 2500 + 'map.tif', None, None), 'Cannot write .*: File name too long'),
    ],
)
def test_an_output_that_cannot_be_written_is_told_before_the_work(
    pair: tuple[Path, Path], tmp_path: Path, names: tuple, message: str
) -> None:
    (tmp_path / 'folder.tif').mkdir()
    (tmp_path / 'file').write_text('')
    network = StopsAt()
    outputs = SceneOutputs(*(None if name is None else tmp_path / name for name in names))
    with pytest.raises(FileWriteError, match=message):
        map_scene(FunctionPredictor(network), *map(str, pair), outputs, SceneSettings())
    assert network.calls == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != '.tif') == ['file']


def test_an_output_may_not_be_an_input(pair: tuple[Path, Path]) -> None:
    with pytest.raises(SceneError, match='overwrite'):
        map_small(BLUR, *pair, pair[0])
