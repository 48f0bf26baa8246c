"""Scenes whose mapping was broken off, and goes on."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene import sampling
from mmcd.scene.partial_run import PartialRun
from tests.scene.mapping import BLUR, StopsAt, map_small


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
