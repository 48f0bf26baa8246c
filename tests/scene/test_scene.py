"""Whole scenes from files to files, with networks that stand in for a real one."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import torch
from torch import Tensor

from mmcd.errors import FileWriteError, InUseError, SceneError, SceneStoppedError
from mmcd.inference import FunctionPredictor
from mmcd.scene import sampling
from mmcd.scene.partial_run import PartialRun
from mmcd.scene.scene import map_scene
from mmcd.scene.settings import SceneOutputs, SceneSettings
from mmcd.scene.sharing import Share
from mmcd.structures import ChangeClasses, ImageSpec
from tests.scene.mapping import map_small
from tests.scene.rasters import (
    LEFT,
    TOP,
    BlurredDifference,
    difference,
    draw_ground,
    first_band,
    read_raster,
    utm,
    write_raster,
)

HEIGHT, WIDTH = 333, 270


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """Two dates on one grid; a bright block appears."""
    before, after = draw_ground(HEIGHT, WIDTH), draw_ground(HEIGHT, WIDTH) + np.uint8(10)
    after[:, 100:180, 90:200] = 250
    return (
        write_raster(tmp_path / 'before.tif', before, utm()),
        write_raster(tmp_path / 'after.tif', after, utm(), tiled=True, compress='deflate'),
    )


def whole(predict, before: Path, after: Path) -> np.ndarray:
    with rasterio.open(before) as first, rasterio.open(after) as second:
        return predict(np.concatenate([first.read(), second.read()])[None])[0]


def test_the_map_of_a_slice_is_the_slice(pair: tuple[Path, Path], tmp_path: Path) -> None:
    map_small(first_band, *pair, tmp_path / 'map.tif', threshold=0.4)
    expected = whole(first_band, *pair)
    np.testing.assert_allclose(read_raster(tmp_path / 'map_p.tif'), expected, atol=1e-6)
    mask = read_raster(tmp_path / 'map.tif')
    away = np.abs(expected - 0.4) > 1e-5
    np.testing.assert_array_equal(mask[away], (expected > 0.4)[away])


@pytest.mark.parametrize('radius', [3, 8])
def test_tile_borders_do_not_show_within_the_receptive_field(
    pair: tuple[Path, Path], tmp_path: Path, radius: int
) -> None:
    """A quarter of the overlap, 8, is left out at each border: as far as the network sees."""
    network = BlurredDifference(radius)
    map_small(network, *pair, tmp_path / 'map.tif')
    merged, expected = read_raster(tmp_path / 'map_p.tif'), whole(network, *pair)
    # Beyond the map's last pixel a tile goes on with its edge, the whole image with zeros.
    inner = slice(None, -radius)
    np.testing.assert_allclose(merged[inner, inner], expected[inner, inner], atol=1e-6)


def test_a_constant_context_shows_no_seams(tmp_path: Path) -> None:
    """With zero padding, every tile of a constant pair is darker at its border."""
    flat = np.full((3, HEIGHT, WIDTH), 100, np.uint8)
    before = write_raster(tmp_path / 'before.tif', flat, utm())
    after = write_raster(tmp_path / 'after.tif', flat + 50, utm())
    map_small(BlurredDifference(6), before, after, tmp_path / 'map.tif')
    inner = read_raster(tmp_path / 'map_p.tif')[6:-6, 6:-6]
    assert np.ptp(inner) < 1e-6


def test_the_map_has_the_georeference_and_says_what_it_is(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    result = map_small(difference, *pair, tmp_path / 'map.tif', threshold=0.2)
    with rasterio.open(tmp_path / 'map.tif') as file, rasterio.open(pair[0]) as before:
        assert (file.crs, file.transform, file.shape) == (
            before.crs,
            before.transform,
            before.shape,
        )
        assert file.nodata == 255 and file.colormap(1)[1] == (230, 25, 75, 255)
        assert file.profile['tiled'] and file.profile['compress'] == 'deflate'
        assert file.tags()['MMCD_THRESHOLD'] == '0.2' and file.tags()['MMCD_BEFORE'] == 'before.tif'
    with rasterio.open(tmp_path / 'map_p.tif') as file:
        assert file.dtypes == ('float32',) and np.isnan(file.nodata)
    report = json.loads((tmp_path / 'map.json').read_text())
    assert report == result.report
    assert report['changed_pixels'] == 80 * 110
    assert report['changed_area_m2'] == pytest.approx(80 * 110 / 4)
    assert len(report['inputs']['before']['sha256']) == 64
    assert report['seconds']['total'] > 0 and report['tiles'] == 10 * 8


def test_only_finished_outputs_are_left(pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / 'out' / 'map.tif'
    map_small(difference, *pair, out, vectors=out.with_suffix('.gpkg'))
    assert sorted(path.name for path in out.parent.iterdir()) == [
        'map.gpkg',
        'map.json',
        'map.qml',
        'map.tif',
        'map.tif.aux.xml',
        'map_p.tif',
        'map_quicklook.png',
    ]


def test_the_after_image_on_another_grid(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Twice the resolution, 30 m more to the left and above: the map is the same."""
    with rasterio.open(pair[1]) as file:
        pixels = np.pad(file.read(), ((0, 0), (60, 0), (60, 0))).repeat(2, 1).repeat(2, 2)
    after = write_raster(tmp_path / 'fine.tif', pixels, utm(0.25, LEFT - 30, TOP + 30))
    map_small(difference, *pair, tmp_path / 'one.tif')
    map_small(difference, pair[0], after, tmp_path / 'other.tif', resampling='nearest')
    np.testing.assert_array_equal(
        read_raster(tmp_path / 'one_p.tif'), read_raster(tmp_path / 'other_p.tif')
    )


def test_the_map_covers_the_overlap(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with rasterio.open(pair[1]) as file:
        cut = file.read()[:, 40:, :-70]
    after = write_raster(tmp_path / 'cut.tif', cut, utm(top=TOP - 20))
    map_small(difference, pair[0], after, tmp_path / 'map.tif')
    with rasterio.open(tmp_path / 'map_p.tif') as file:
        assert file.transform == utm(top=TOP - 20)
        expected = whole(difference, *pair)[40:, :-70]
        np.testing.assert_allclose(file.read(1), expected, atol=1e-6)


def test_no_change_where_a_date_has_no_data(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Nor does the hole show in its neighbours beyond the network's receptive field."""
    with rasterio.open(pair[1]) as file:
        pixels = file.read()
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[220:300, 40:150] = True
    holed = write_raster(tmp_path / 'holed.tif', pixels * ~hole, utm(), nodata=0)
    network = BlurredDifference(4)
    map_small(network, pair[0], holed, tmp_path / 'map.tif', threshold=0.1)
    with_hole = read_raster(tmp_path / 'map_p.tif')
    map_small(network, *pair, tmp_path / 'full.tif')
    full = read_raster(tmp_path / 'full_p.tif')
    assert (read_raster(tmp_path / 'map.tif')[hole] == 255).all()
    assert np.isnan(with_hole[hole]).all()
    np.testing.assert_allclose(with_hole[~hole], full[~hole], atol=0.02)
    around = np.zeros_like(hole)
    around[216:304, 36:154] = True
    np.testing.assert_allclose(with_hole[~around], full[~around], atol=1e-6)


def test_images_without_any_common_data(pair: tuple[Path, Path], tmp_path: Path, caplog) -> None:
    empty = np.zeros((3, HEIGHT, WIDTH), np.uint8)
    after = write_raster(tmp_path / 'empty.tif', empty, utm(), nodata=0)
    out = tmp_path / 'map.tif'
    result = map_small(difference, pair[0], after, out, vectors=tmp_path / 'map.geojson')
    assert (read_raster(out) == 255).all()
    assert result.report['changed_fraction'] is None
    assert 'No pixel' in caplog.text


def test_16_bit_like_8_bit(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Both dates times 40: with one range for both, differences keep their meaning."""
    paths = []
    for path in pair:
        with rasterio.open(path) as file:
            wide = file.read().astype(np.uint16) * 40
        paths.append(write_raster(tmp_path / f'wide_{path.name}', wide, utm()))
    result = map_small(difference, *paths, tmp_path / 'map.tif', value_range=(0, 255 * 40))
    expected = whole(difference, *pair)
    np.testing.assert_allclose(read_raster(tmp_path / 'map_p.tif'), expected, atol=1e-6)
    assert 'both: 0..10200' in result.report['values']
    shared = map_small(difference, *paths, tmp_path / 'shared.tif', scaling='shared').report
    single = map_small(difference, *paths, tmp_path / 'single.tif', scaling='per-date').report
    assert shared['values'].startswith('both') and single['values'].startswith('before: ')


def test_16_bit_is_never_stretched_unasked(pair: tuple[Path, Path], tmp_path: Path) -> None:
    with rasterio.open(pair[0]) as file:
        wide = write_raster(tmp_path / 'wide.tif', file.read().astype(np.uint16) * 40, utm())
    with pytest.raises(SceneError, match=r'wide\.tif holds uint16 values; .*uint8.*--scaling sha'):
        map_small(difference, wide, wide, tmp_path / 'map.tif')
    predictor = FunctionPredictor(first_band, image=ImageSpec(dtype='uint16'))
    with pytest.raises(SceneError, match=r'holds uint8 values; the model takes .* of uint16'):
        map_small(predictor, *pair, tmp_path / 'map.tif')
    with pytest.raises(SceneError, match='Leave --scaling and --value-range out'):
        map_small(predictor, wide, wide, tmp_path / 'map.tif', scaling='shared')
    seen = FunctionPredictor(lambda tiles: tiles[:, 0] / np.float32(65535), image=predictor.image)
    map_small(seen, wide, wide, tmp_path / 'map.tif')
    with rasterio.open(wide) as file:
        expected = file.read(1) / np.float32(65535)
    np.testing.assert_allclose(read_raster(tmp_path / 'map_p.tif'), expected, atol=1e-6)


def test_kinds_of_change_get_their_colours_and_names(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    palette = [(0, 0, 0), (10, 200, 30), (200, 10, 30)]
    classes = ChangeClasses(('unchanged', 'built', 'felled'), palette)

    class ThreeClasses(FunctionPredictor):
        def predict_tensor(self, pairs: Tensor) -> Tensor:
            built = (pairs[:, 3] > 245).float()
            felled = (pairs[:, 0] < 60).float() * (1 - built)
            return torch.stack([1 - built - felled, built, felled], dim=1)

    predictor = ThreeClasses(difference)
    predictor.classes = classes
    report = map_small(predictor, *pair, tmp_path / 'map.tif', vectors=tmp_path / 'map.gpkg').report
    with rasterio.open(tmp_path / 'map.tif') as file:
        mask = file.read(1)
        assert [file.colormap(1)[index][:3] for index in range(3)] == palette
        assert file.tags(1)['CLASS_2'] == 'felled'
    assert set(np.unique(mask)) == {0, 1, 2}
    assert report['class_pixels']['built'] == (mask == 1).sum() == 80 * 110
    _, _, _, columns = pyogrio.raw.read(tmp_path / 'map.gpkg')
    by_class = dict(zip(columns[-1].tolist(), columns[2].tolist(), strict=True))
    assert by_class['built'] == 80 * 110 and 'felled' in by_class


def test_a_small_scene_is_one_tile(tmp_path: Path) -> None:
    before = write_raster(tmp_path / 'before.png', draw_ground(33, 21), driver='PNG')
    after = write_raster(tmp_path / 'after.png', draw_ground(33, 21, 1), driver='PNG')
    seen = []

    def network(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles.shape)
        return difference(tiles)

    map_small(network, before, after, tmp_path / 'map.tif')
    assert seen == [(1, 6, 33, 21)]
    with rasterio.open(tmp_path / 'map.tif') as file:
        assert file.crs is None and file.shape == (33, 21)


class StopsAt:
    """A network during whose n-th call somebody presses Ctrl-C."""

    def __init__(self, call: int = -1) -> None:
        self.calls, self.call = 0, call

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == self.call:
            raise KeyboardInterrupt
        return BlurredDifference()(tiles)


BLUR = StopsAt()


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


@pytest.mark.parametrize('world', [2, 5])
def test_shared_strips_give_the_same_bytes(
    pair: tuple[Path, Path], tmp_path: Path, monkeypatch, world: int
) -> None:
    """The other processes' parts are there when the first one comes to write."""
    map_small(BLUR, *pair, tmp_path / 'alone.tif')
    out = tmp_path / 'shared.tif'
    shared = {}

    def part(self: Share, items: list) -> list:
        bounds = [len(items) * rank // self.world for rank in range(self.world + 1)]
        shared.setdefault('parts', [items[a:b] for a, b in itertools.pairwise(bounds)])
        return shared['parts'][self.rank]

    monkeypatch.setattr(Share, 'contiguous', part)
    waits = []

    def wait(self: Share) -> None:
        """Stands for the barrier: before the first process writes, the others do their parts."""
        if self.rank == 0:
            waits.append(1)
            if len(waits) == 3:
                for rank in range(1, self.world):
                    map_small(BLUR, *pair, out, share=Share(rank, self.world))

    monkeypatch.setattr(Share, 'wait', wait)
    map_small(BLUR, *pair, out, share=Share(0, world))
    for name in ('', '_p'):
        alone = read_raster(tmp_path / f'alone{name}.tif')
        assert alone.tobytes() == read_raster(tmp_path / f'shared{name}.tif').tobytes()


def test_an_output_may_not_be_an_input(pair: tuple[Path, Path]) -> None:
    with pytest.raises(SceneError, match='overwrite'):
        map_small(BLUR, *pair, pair[0])
