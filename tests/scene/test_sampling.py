from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio

from mmcd.errors import SceneStoppedError
from mmcd.scene.grid import grid_of
from mmcd.scene.raster_reader import RasterReader, open_raster
from mmcd.scene.sampling import DateSample, sample_windows, take_sample
from tests.scene.rasters import draw_ground, utm, write_raster


def sample(path: Path) -> DateSample:
    with open_raster(str(path), 'before') as file:
        grid = grid_of(file)
        with RasterReader(file, 'before', grid=grid, shift=(0, 0), bands=(1, 2, 3)) as reader:
            return take_sample(reader, grid.height, grid.width)


@pytest.mark.parametrize(('height', 'width'), [(1, 1), (50, 300), (97, 96), (5000, 20_000)])
def test_the_windows_lie_in_the_map_and_reach_its_ends(height: int, width: int) -> None:
    windows = np.array(sample_windows(height, width))
    assert len(windows) <= 144
    ends = windows[:, :2] + windows[:, 2:]
    assert windows[:, :2].min() == 0
    assert ends.max(axis=0).tolist() == [height, width]


def test_another_image_has_other_checksums(tmp_path: Path) -> None:
    one = sample(write_raster(tmp_path / 'one.tif', draw_ground(300, 200), utm()))
    same = sample(write_raster(tmp_path / 'same.tif', draw_ground(300, 200), compress='lzw'))
    other = sample(write_raster(tmp_path / 'other.tif', draw_ground(300, 200, seed=1), utm()))
    assert one.checksums == same.checksums
    assert not set(one.checksums) & set(other.checksums)
    assert one.values.shape == (3, len(one.valid)) and one.valid.all()


def test_windows_that_cannot_be_read_are_passed_over(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'a.tif', draw_ground(600, 600), utm(), tiled=True)
    intact = sample(path)
    content = path.read_bytes()
    with rasterio.open(path) as file:
        offset = int(file.get_tag_item('BLOCK_OFFSET_2_2', 'TIFF', bidx=1))
    path.write_bytes(content[: offset + 100])
    damaged = sample(path)
    assert 0 < damaged.checksums.count(None) < len(damaged.checksums)
    for one, other in zip(damaged.checksums, intact.checksums, strict=True):
        assert one in (None, other)
    assert not damaged.valid.all()


def test_a_file_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'a.tif', draw_ground(100, 100), utm(), compress='deflate')
    with rasterio.open(path) as file:
        offset = int(file.get_tag_item('BLOCK_OFFSET_0_0', 'TIFF', bidx=1))
    path.write_bytes(path.read_bytes()[:offset] + bytes(20_000))
    with pytest.raises(SceneStoppedError, match=r'Cannot read .* Is the file whole'):
        sample(path)
