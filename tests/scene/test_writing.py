from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.grid import Grid
from mmcd.scene.writing import check_crs, in_blocks, partial_name, publish, write_raster
from tests.scene.rasters import UTM, utm

HEIGHT, WIDTH = 1300, 700
GRID = Grid(CRS.from_string(UTM), utm(), HEIGHT, WIDTH)


def image(dtype: type, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if dtype is np.uint8:
        return (rng.random((HEIGHT, WIDTH)) < 0.1).astype(np.uint8)
    return rng.random((HEIGHT, WIDTH), np.float32)


def write(path: Path, pixels: np.ndarray, content: str, cog: bool, rows: int = 384) -> None:
    parts = (pixels[row : row + rows] for row in range(0, HEIGHT, rows))
    write_raster(path, parts, GRID, {'MMCD_CONTENT': content}, cog=cog)
    assert not path.exists()
    publish([path])


@pytest.mark.parametrize('cog', [False, True])
@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_the_pixels_come_back(tmp_path: Path, dtype: type, cog: bool) -> None:
    pixels = image(dtype)
    write(tmp_path / 'map.tif', pixels, 'probability', cog)
    with rasterio.open(tmp_path / 'map.tif') as file:
        np.testing.assert_array_equal(file.read(1), pixels)
        assert file.profile['tiled'] and file.profile['blockxsize'] == 512
        assert (file.tags(ns='IMAGE_STRUCTURE').get('LAYOUT') == 'COG') == cog
        assert file.overviews(1)[0] == 2
        assert file.descriptions == ('probability',)
        assert file.scales == ((1 / 254,) if dtype is np.uint8 else (1,))
    assert [path.name for path in tmp_path.iterdir()] == ['map.tif']


@pytest.mark.parametrize('text', [UTM, 'EPSG:4979', 'ESRI:54009', '+proj=aeqd +lat_0=50', None])
def test_a_crs_that_a_map_holds(text: str | None) -> None:
    check_crs(None if text is None else CRS.from_string(text))


def test_a_crs_that_no_map_holds() -> None:
    with pytest.raises(SceneError, match=r'proj=isea.* which a GeoTIFF cannot hold'):
        check_crs(CRS.from_string('+proj=isea'))


@pytest.mark.parametrize('cog', [False, True])
def test_a_mask_has_colours(tmp_path: Path, cog: bool) -> None:
    write(tmp_path / 'map.tif', image(np.uint8), 'mask', cog)
    with rasterio.open(tmp_path / 'map.tif') as file:
        colours = file.colormap(1)
        assert colours[1] == (230, 25, 75, 255) and file.nodata == 255


def test_the_bytes_do_not_depend_on_the_rows_of_a_strip(tmp_path: Path) -> None:
    for rows in (384, 100, HEIGHT):
        write(tmp_path / f'{rows}.tif', image(np.uint8), 'mask', False, rows)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


@pytest.mark.parametrize('rows', [[5], [3, 3, 3], [1] * 10, [25, 2], [8, 8]])
def test_rows_are_cut_anew(rows: list[int]) -> None:
    pixels = np.arange(sum(rows) * 2).reshape(-1, 2)
    parts = np.split(pixels, np.cumsum(rows)[:-1])
    blocks = list(in_blocks(parts, 4))
    np.testing.assert_array_equal(np.concatenate(blocks), pixels)
    assert all(len(block) == 4 for block in blocks[:-1]) and 0 < len(blocks[-1]) <= 4


def test_what_fails_leaves_nothing_behind_and_says_what(tmp_path: Path) -> None:
    def parts():
        yield image(np.uint8)[:600]
        raise OSError(28, 'No space left on device')

    path = tmp_path / 'map.tif'
    with pytest.raises(SceneStoppedError, match=r'Cannot write .*map.tif.*No space.* MB left'):
        write_raster(path, parts(), GRID, {'MMCD_CONTENT': 'mask'}, cog=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('limit', [50_000, 1_000_000, 2_400_000])
def test_a_file_limit_while_gdal_writes(tmp_path: Path, limit: int) -> None:
    """GDAL meets a disk that takes no more: a limit of the process stands for it."""
    resource = pytest.importorskip('resource')
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(SceneStoppedError, match='Cannot write'):
            write(tmp_path / 'map.tif', image(np.float32), 'probability', False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not partial_name(tmp_path / 'map.tif').exists()
