"""The files of a map: whose they are, and where they can be written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio.shutil
import shapely

from mmcd.errors import FileWriteError, InUseError, SceneError
from mmcd.inference import FunctionPredictor
from mmcd.scene.scene import map_scene
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings
from tests.scene.mapping import BLUR, HEIGHT, WIDTH, StopsAt, map_small
from tests.scene.rasters import LEFT, TOP, UTM, first_band, read_raster, utm, write_raster


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


@pytest.mark.parametrize(
    ('names', 'settings', 'message'),
    [
        (('after.tif',), {}, r'after\.tif would overwrite the input .*/after\.tif'),
        (('sub/../before.tif',), {}, r'before\.tif would overwrite the input .*/before\.tif'),
        (('link/after.tif',), {}, r'link/after\.tif would overwrite the input .*/after\.tif'),
        (('map.tif', 'linked.tif'), {}, r'linked\.tif would overwrite the input .*/after\.tif'),
        (('map.tif', 'source.tif'), {}, r'source\.tif would overwrite the input .*/source\.tif'),
        (
            ('map.tif', None, 'link/zones.geojson'),
            dict(zones='zones.geojson'),
            r'zones\.geojson would overwrite the input .*/zones\.geojson',
        ),
        (('zones.tif',), dict(zones='zones.json'), r'zones\.json would overwrite the input'),
        (
            ('clouds.tif',),
            dict(mask=['clouds.tif', 'zones.json']),
            r'clouds\.tif would overwrite the input .*/clouds\.tif',
        ),
    ],
)
def test_an_output_may_not_be_an_input(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch, names: tuple, settings: dict, message: str
) -> None:
    """By none of the names that a file has, and whatever it is read for."""
    (tmp_path / 'sub').mkdir()
    (tmp_path / 'link').symlink_to('.')
    (tmp_path / 'linked.tif').symlink_to('after.tif')
    pair[0].rename(tmp_path / 'source.tif')
    rasterio.shutil.copy(tmp_path / 'source.tif', pair[0], driver='VRT')
    write_raster(tmp_path / 'clouds.tif', np.zeros((1, HEIGHT, WIDTH), np.uint8), utm())
    area = json.dumps(dict(type='Polygon', coordinates=[[[12, 50], [14, 50], [13, 51], [12, 50]]]))
    for name in ('zones.json', 'zones.geojson'):
        (tmp_path / name).write_text(area)
    there = {path: path.read_bytes() for path in tmp_path.glob('*.*')}
    monkeypatch.chdir(tmp_path / 'sub')
    network = StopsAt()
    with pytest.raises(SceneError, match=message):
        map_scene(
            FunctionPredictor(network),
            *(f'../{path.name}' for path in pair),
            SceneOutputs(*(None if name is None else tmp_path / name for name in names)),
            SceneSettings(
                zones=f'../{settings["zones"]}' if 'zones' in settings else None,
                mask=tuple(f'../{name}' for name in settings.get('mask', ())),
            ),
        )
    assert network.calls == 0
    assert {path: path.read_bytes() for path in tmp_path.glob('*.*')} == there


def test_the_pictures_of_a_page_overwrite_no_input(pair: tuple[Path, Path], tmp_path: Path) -> None:
    images = tmp_path / 'images'
    images.mkdir()
    moved = [str(path.rename(images / path.name)) for path in pair]
    outputs = SceneOutputs(tmp_path / 'map.tif')
    with pytest.raises(SceneError, match=r'lies where the pictures of the web page go, .*images'):
        map_scene(FunctionPredictor(BLUR), *moved, outputs, page=tmp_path)


def test_one_file_by_two_names_is_no_two_outputs(tmp_path: Path) -> None:
    (tmp_path / 'link').symlink_to('.')
    with pytest.raises(SceneError, match='Two outputs have one name: '):
        SceneOutputs(tmp_path / 'map.tif', tmp_path / 'link' / 'map.tif')


def test_a_result_is_saved_from_any_working_folder(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = map_small(first_band, *pair, Path('map.tif'))
    written = {path.name: path.read_bytes() for path in tmp_path.glob('map*')}
    (tmp_path / 'elsewhere').mkdir()
    monkeypatch.chdir(tmp_path / 'elsewhere')
    result.save('copy')
    assert {path.name: path.read_bytes() for path in Path('copy').iterdir()} == written
    (tmp_path / 'link').symlink_to('.')
    result.save(tmp_path / 'link')
    assert {path.name: path.read_bytes() for path in tmp_path.glob('map*')} == written
    for name in ('x.tif', 'X.TIFF'):
        with pytest.raises(SceneError, match=f'takes a folder, but {name} is the name of a raster'):
            result.save(name)
    (tmp_path / 'map_p.tif').unlink()
    with pytest.raises(SceneError, match=r'There is no .*map_p\.tif any more'):
        result.save('other')
    assert [path.name for path in Path().iterdir()] == ['copy']


def test_what_lies_beside_an_earlier_map_does_not_pass_for_the_new_one_s(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch, caplog
) -> None:
    def broken(*_: object) -> None:
        raise ValueError('no such colour')

    out, zones = tmp_path / 'out' / 'map.tif', str(tmp_path / 'zones.geojson')
    box = shapely.to_wkb(np.array([shapely.box(LEFT, TOP - 20, LEFT + 20, TOP)]))
    pyogrio.raw.write(zones, box, [], [], geometry_type='Polygon', crs=UTM)
    dates = ('2019-08-12', '2023-08-16')
    map_small(first_band, *pair, out, zones=zones, stac=True, dates=dates)
    beside = {'map_zones.csv', 'map.stac.json', 'map_quicklook.png'}
    assert beside <= {path.name for path in out.parent.iterdir()}
    monkeypatch.setattr('mmcd.scene.scene.draw_quicklook', broken)
    result = map_small(first_band, *pair, out, threshold=0.7)
    result.save(tmp_path / 'copy')
    for folder in (out.parent, tmp_path / 'copy'):
        names = {path.name for path in folder.iterdir()}
        assert 'map.json' in names and not beside & names
