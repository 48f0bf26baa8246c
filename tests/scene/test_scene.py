"""Whole scenes from files to files, with networks that stand in for a real one."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import rasterio.shutil
import torch
from torch import Tensor

from mmcd.errors import SceneError
from mmcd.inference import FunctionPredictor
from mmcd.scene.scene import GDAL_CACHE_BYTES
from mmcd.scene.sharing import Share
from mmcd.structures import ChangeClasses, ImageSpec
from tests.scene.mapping import BLUR, HEIGHT, WIDTH, map_small
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


def test_blocks_that_were_read_stay_in_gdals_cache(tmp_path: Path) -> None:
    """rasterio takes the size in bytes; 192 of them kept nothing, and every read decoded anew."""
    ground = draw_ground(512, 512, 0)
    path = write_raster(tmp_path / 'ground.tif', ground, compress='deflate', tiled=True)
    with rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES), rasterio.open(path) as file:
        first = file.read()
        os.truncate(path, 0)
        np.testing.assert_array_equal(file.read(), first)
