"""Scenes whose mapping was broken off, and goes on."""

from __future__ import annotations

import math
import os
import re
import threading
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import shapely

from mmcd.errors import FileWriteError, SceneError, SceneStoppedError
from mmcd.inference import FunctionPredictor
from mmcd.scene import sampling
from mmcd.scene.partial_run import PartialRun
from mmcd.structures import ImageSpec
from tests.scene.mapping import BLUR, HEIGHT, WIDTH, StopsAt, map_small
from tests.scene.rasters import LEFT, TOP, UTM, draw_ground, read_raster, utm, write_raster


@pytest.mark.parametrize('cog', [False, True])
def test_resumed_at_any_strip_the_outputs_are_the_same_to_the_byte(
    pair: tuple[Path, Path], tmp_path: Path, cog: bool
) -> None:
    names = ['map.tif', 'map_p.tif', 'map.gpkg']
    folder = tmp_path / 'uninterrupted'
    map_small(BLUR, *pair, folder / 'map.tif', vectors=folder / 'map.gpkg', cog=cog)
    expected = [(folder / name).read_bytes() for name in names]
    stopped_at = set()
    for call in range(2, 31, 12 if cog else 3):  # 10 strips of 8 tiles, 3 at a time: 30 calls
        folder = tmp_path / f'stopped_{call}'
        arguments = (*pair, folder / 'map.tif')
        network = StopsAt(call)
        with pytest.raises(KeyboardInterrupt):
            map_small(network, *arguments, vectors=folder / 'map.gpkg', cog=cog)
        assert not (folder / 'map.tif').exists()
        stopped_at.add(len(PartialRun(folder / 'map.tif').finished()))
        map_small(BLUR, *arguments, vectors=folder / 'map.gpkg', cog=cog, resume=True)
        assert [(folder / name).read_bytes() for name in names] == expected
    assert cog or stopped_at == set(range(10))


def test_resuming_predicts_only_what_is_left(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / 'map.tif'
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, out)  # in the sixth of ten strips
    network = StopsAt()
    report = map_small(network, *pair, out, resume=True).report
    assert network.calls == 6 * 3  # the last five, and the one that reaches into them
    assert (report['tiles'], report['tiles_this_run']) == (10 * 8, 6 * 8)
    again = StopsAt(1)
    map_small(again, *pair, out, resume=True)
    assert again.calls == 0


def test_resuming_with_other_settings_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / 'map.tif'
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, out)
    with pytest.raises(SceneError, match=r'threshold: 0\.5, now 0\.7'):
        map_small(BLUR, *pair, out, resume=True, threshold=0.7)
    assert PartialRun(out).finished() == set(range(5))


def test_a_map_that_another_run_has_replaced_is_not_finished(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    """The other run stopped when its map had its name, and its report was not yet written."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    out = tmp_path / 'map.tif'
    map_small(BLUR, *pair, out)
    with monkeypatch.context() as patch:
        patch.setattr('mmcd.scene.scene.draw_quicklook', stop)
        with pytest.raises(KeyboardInterrupt):
            map_small(BLUR, *pair, out, threshold=0.7)
    with pytest.raises(SceneError, match=r'of another run(.|\n)*threshold: 0\.7, now 0\.5'):
        map_small(BLUR, *pair, out, resume=True)
    network = StopsAt()
    report = map_small(network, *pair, out, resume=True, threshold=0.7).report
    assert network.calls == 0 and report['settings']['threshold'] == 0.7


def test_a_map_that_cannot_be_replaced_keeps_its_report(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    """Such as one that another program has open on Windows."""

    def refuse(*_: object) -> None:
        raise FileWriteError('map.tif is open')

    out = tmp_path / 'map.tif'
    map_small(BLUR, *pair, out)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    monkeypatch.setattr('mmcd.scene.scene.publish', refuse)
    with pytest.raises(FileWriteError, match='is open'):
        map_small(BLUR, *pair, out, threshold=0.7)
    assert (
        before.items()
        <= {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}.items()
    )


def test_strips_of_an_unknown_run_are_deleted_and_said_to_be(
    pair: tuple[Path, Path], tmp_path: Path, caplog
) -> None:
    out, network = tmp_path / 'map.tif', StopsAt()
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, out)
    (PartialRun(out).folder / 'plan.json').unlink()
    map_small(network, *pair, out, resume=True)
    assert network.calls == 30 and '5 strips of an earlier run were deleted; there' in caplog.text


def test_without_resuming_a_run_starts_anew_and_says_so(
    pair: tuple[Path, Path], tmp_path: Path, caplog
) -> None:
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, tmp_path / 'map.tif')
    network = StopsAt()
    map_small(network, *pair, tmp_path / 'map.tif')
    assert network.calls == 30 and '5 strips of an earlier run were deleted' in caplog.text


def test_an_unreadable_block_keeps_the_strips_above(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    """A block in the middle is damaged; once the file is mended, the run goes on."""
    before, after = pair
    map_small(BLUR, before, after, tmp_path / 'expected.tif')
    content, times = after.read_bytes(), after.stat()
    out = tmp_path / 'map.tif'
    with rasterio.open(after) as file:
        offset = int(file.get_tag_item('BLOCK_OFFSET_0_1', 'TIFF', bidx=1))
    after.write_bytes(content[:offset] + bytes(2000) + content[offset + 2000 :])
    os.utime(after, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(SceneStoppedError) as error:
        map_small(BLUR, before, after, out)
    assert f'Cannot read the after image {after} at rows' in str(error.value)
    assert re.search('[1-9] of 10 strips are finished and kept', str(error.value))
    after.write_bytes(content)
    os.utime(after, ns=(times.st_atime_ns, times.st_mtime_ns))
    map_small(BLUR, before, after, out, resume=True)
    assert out.read_bytes() == (tmp_path / 'expected.tif').read_bytes()


@pytest.mark.parametrize('date', [0, 1])
def test_an_image_altered_beside_the_sample_is_another(
    pair: tuple[Path, Path], tmp_path: Path, caplog, monkeypatch, date: int
) -> None:
    """Also where size and time of the file are kept; windows of the sample see none of it."""
    monkeypatch.setattr(sampling, 'WINDOW_SIZE', 8)
    out = tmp_path / 'map.tif'
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, out)  # in the sixth of ten strips
    times = pair[date].stat()
    with rasterio.open(pair[date]) as file:
        pixels, profile = file.read(), file.profile
    former = pair[date].read_bytes()
    pixels[:, 40, 60] ^= 255  # in the first two rows of tiles
    with rasterio.open(pair[date], 'w', **profile) as file:
        file.write(pixels)
    os.utime(pair[date], ns=(times.st_atime_ns, times.st_mtime_ns))
    name = ('before', 'after')[date]
    with pytest.raises(SceneError, match=f'other pixels than those that are now in the {name} im'):
        map_small(BLUR, *pair, out, resume=True)
    altered = pair[date].read_bytes()
    pair[date].write_bytes(former)
    map_small(BLUR, *pair, out, resume=True)
    expected = (tmp_path / 'map_p.tif').read_bytes()

    pair[date].write_bytes(altered)
    os.utime(pair[date], ns=(times.st_atime_ns, times.st_mtime_ns))
    network = StopsAt()
    map_small(network, *pair, out, resume=True)
    assert network.calls == 30 and 'it is made anew' in caplog.text
    assert (tmp_path / 'map_p.tif').read_bytes() != expected
    map_small(BLUR, *pair, tmp_path / 'fresh.tif')
    assert (tmp_path / 'fresh_p.tif').read_bytes() == (tmp_path / 'map_p.tif').read_bytes()


def test_the_sources_of_a_vrt_count(pair: tuple[Path, Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sampling, 'WINDOW_SIZE', 8)
    before, after = tmp_path / 'before.vrt', pair[1]
    rasterio.shutil.copy(pair[0], before, driver='VRT')
    out = tmp_path / 'map.tif'
    map_small(BLUR, before, after, out)
    again = StopsAt()
    map_small(again, before, after, out, resume=True)
    assert again.calls == 0
    with rasterio.open(pair[0]) as file:
        pixels, profile = file.read(), file.profile
    pixels[:, 40, 60] ^= 255
    with rasterio.open(pair[0], 'w', **profile) as file:
        file.write(pixels)
    map_small(again, before, after, out, resume=True)
    assert again.calls == 30


def test_an_image_written_to_while_it_is_mapped(pair: tuple[Path, Path], tmp_path: Path) -> None:
    class Overwrites(StopsAt):
        def __call__(self, tiles: np.ndarray) -> np.ndarray:
            os.utime(pair[1])
            return super().__call__(tiles)

    with pytest.raises(SceneStoppedError, match=r'after\.tif was written to while it was mapped'):
        map_small(Overwrites(), *pair, tmp_path / 'map.tif')
    assert not (tmp_path / 'map.tif').exists()


@pytest.mark.parametrize('ending', ['.aux.xml', '.ovr'])
def test_a_gis_program_may_write_beside_an_image_that_is_mapped(
    pair: tuple[Path, Path], tmp_path: Path, ending: str
) -> None:
    beside = pair[1].with_name(f'{pair[1].name}{ending}')
    with rasterio.Env(TIFF_USE_OVR='YES'), rasterio.open(pair[1], 'r+') as file:
        file.build_overviews([2])
    pair[1].with_name(f'{pair[1].name}.aux.xml').write_text('<PAMDataset/>')
    with rasterio.open(pair[1]) as file:
        assert str(beside) in file.files

    class Touches(StopsAt):
        def __call__(self, tiles: np.ndarray) -> np.ndarray:
            os.utime(beside, (0, 0))
            return super().__call__(tiles)

    map_small(Touches(), *pair, tmp_path / 'map.tif')
    assert (tmp_path / 'map.tif').is_file()


def test_an_error_does_not_wait_for_the_images_hashes(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch
) -> None:
    stopped = []

    def endless(path: str, stop: threading.Event) -> None:
        stopped.append(stop.wait(60))

    monkeypatch.setattr('mmcd.scene.scene.sha256_of', endless)
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(1), *pair, tmp_path / 'map.tif')
    assert stopped and all(stopped)


def test_a_full_disk(pair: tuple[Path, Path], tmp_path: Path, monkeypatch) -> None:
    saved = np.savez
    calls = []

    def fill_up(file, **arrays) -> None:
        calls.append(1)
        if len(calls) > 4:
            raise OSError(28, 'No space left on device')
        saved(file, **arrays)

    monkeypatch.setattr(np, 'savez', fill_up)
    out = tmp_path / 'map.tif'
    with pytest.raises(SceneStoppedError, match='No space left on device') as error:
        map_small(BLUR, *pair, out)
    assert '4 of 10 strips are finished and kept' in str(error.value)
    assert '--resume' in str(error.value)
    monkeypatch.undo()
    map_small(BLUR, *pair, out, resume=True)
    assert out.is_file() and not PartialRun(out).folder.exists()


def write_clouds(path: Path, row: int) -> str:
    clouds = np.zeros((1, HEIGHT, WIDTH), np.uint8)
    clouds[0, row : row + 5, 60:70] = 1
    return str(write_raster(path, clouds, utm()))


def test_a_mask_altered_beside_the_sample_is_another(
    pair: tuple[Path, Path], tmp_path: Path, caplog, monkeypatch
) -> None:
    monkeypatch.setattr(sampling, 'WINDOW_SIZE', 8)
    out, mask = tmp_path / 'map.tif', write_clouds(tmp_path / 'clouds.tif', 40)
    with pytest.raises(KeyboardInterrupt):
        map_small(StopsAt(16), *pair, out, mask=mask)
    write_clouds(Path(mask), 45)
    with pytest.raises(SceneError, match=r'in the before image .* outside the areas of --mask'):
        map_small(BLUR, *pair, out, mask=mask, resume=True)
    write_clouds(Path(mask), 40)
    map_small(BLUR, *pair, out, mask=mask, resume=True)
    again = StopsAt()
    map_small(again, *pair, out, mask=mask, resume=True)
    assert again.calls == 0 and 'made anew' not in caplog.text
    write_clouds(Path(mask), 45)
    map_small(again, *pair, out, mask=mask, resume=True)
    assert again.calls == 30 and 'The images or masks differ from those' in caplog.text
    assert (read_raster(out)[45:50, 60:70] == 255).all() and (read_raster(out)[44] != 255).all()


@pytest.mark.parametrize('altered', ['outline', 'name'])
def test_altered_zones_are_others(
    pair: tuple[Path, Path], tmp_path: Path, caplog, altered: str
) -> None:
    """Of a shapefile the names are in a file of their own."""

    def write_zone(side: int, name: str) -> str:
        box = shapely.to_wkb(np.array([shapely.box(LEFT, TOP - side, LEFT + side, TOP)]))
        path, names = tmp_path / 'zones.shp', np.array([name], dtype=object)
        pyogrio.raw.write(path, box, [names], ['name'], geometry_type='Polygon', crs=UTM)
        return str(path)

    out, zones = tmp_path / 'map.tif', write_zone(20, 'West')
    map_small(BLUR, *pair, out, zones=zones)
    again = StopsAt()
    map_small(again, *pair, out, zones=zones, resume=True)
    assert again.calls == 0
    side, name = (10, 'West') if altered == 'outline' else (20, 'East')
    write_zone(side, name)
    (zone,) = map_small(again, *pair, out, zones=zones, resume=True).report['zones']
    assert again.calls == 30 and 'The zones differ from those' in caplog.text
    assert (zone['valid_m2'], zone['name']) == (side**2, name)


def test_not_a_number_is_the_same_value_of_no_data_again(tmp_path: Path) -> None:
    pixels = draw_ground(HEIGHT, WIDTH).astype(np.float32)
    pixels[:, 200:] = np.nan
    pair = [write_raster(tmp_path / f'{n}.tif', pixels, utm()) for n in 'ab']
    out = tmp_path / 'map.tif'

    def predictor(network: StopsAt) -> FunctionPredictor:
        return FunctionPredictor(network, image=ImageSpec(dtype='float32'))

    with pytest.raises(KeyboardInterrupt):
        map_small(predictor(StopsAt(16)), *pair, out, no_data=math.nan)
    network = StopsAt()
    map_small(predictor(network), *pair, out, no_data=math.nan, resume=True)
    assert 0 < network.calls < 30
    again = StopsAt()
    map_small(predictor(again), *pair, out, no_data=math.nan, resume=True)
    assert again.calls == 0 and 'NaN' not in out.with_suffix('.json').read_text()
