from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio.control import GroundControlPoint
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from mmcd.errors import SceneError
from mmcd.scene.grid import Grid, grid_of
from mmcd.scene.raster_reader import RasterReader, choose_bands, open_raster
from mmcd.scene.settings import SceneSettings
from mmcd.structures import RGB_8BIT, ImageSpec
from tests.scene.rasters import chain, draw_ground, utm, write_raster

GROUND = draw_ground(120, 160)


def read(path: Path, grid: Grid | None = None, **kwargs) -> tuple[np.ndarray, np.ndarray]:
    """The whole map; without a grid of its own, that of the file."""
    with open_raster(str(path), 'before') as file:
        kwargs = {'bands': (1, 2, 3), 'shift': None if grid else (0, 0), **kwargs}
        grid = grid or grid_of(file)
        with RasterReader(file, 'before', grid=grid, **kwargs) as reader:
            return reader.read(0, grid.height)


@pytest.mark.parametrize('driver', ['GTiff', 'PNG', 'COG', 'JP2OpenJPEG'])
def test_formats(tmp_path: Path, driver: str) -> None:
    profile = {'QUALITY': '100', 'REVERSIBLE': 'YES'} if driver.startswith('JP2') else {}
    path = write_raster(tmp_path / 'image', GROUND, utm(), driver=driver, **profile)
    pixels, valid = read(path)
    np.testing.assert_array_equal(pixels, GROUND)
    assert valid.all()


def test_a_vrt(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'image.tif', GROUND, utm())
    vrt = tmp_path / 'image.vrt'
    rasterio.shutil.copy(path, vrt, driver='VRT')
    np.testing.assert_array_equal(read(vrt)[0], GROUND)


def test_bands_come_in_the_order_that_is_asked_for(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'image.tif', GROUND, utm())
    np.testing.assert_array_equal(read(path, bands=(3, 1))[0], GROUND[[2, 0]])


def test_a_window_of_a_shifted_map(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'image.tif', GROUND, utm())
    with open_raster(str(path), 'before') as file:
        grid = grid_of(file).part(10, 20, 50, 60)
        reader = RasterReader(file, 'before', grid=grid, shift=(10, 20), bands=(1, 2, 3))
        pixels, _ = reader.read(5, 7, 3, 9)
    np.testing.assert_array_equal(pixels, GROUND[:, 15:22, 23:32])


def test_a_pixel_has_no_data_where_all_its_bands_have_none(tmp_path: Path) -> None:
    pixels = GROUND.copy()
    pixels[:, 3, 4] = 0
    pixels[0, 5, 6] = 0
    path = write_raster(tmp_path / 'image.tif', pixels, utm(), nodata=0)
    valid = read(path)[1]
    assert not valid[3, 4] and valid[5, 6] and valid.sum() == valid.size - 1


def test_a_value_of_no_data_that_the_file_does_not_name(tmp_path: Path) -> None:
    pixels = GROUND.copy()
    pixels[:, 3, 4] = 255
    path = write_raster(tmp_path / 'image.tif', pixels, utm())
    assert read(path)[1].all()
    valid = read(path, no_data=255)[1]
    assert not valid[3, 4] and valid.sum() == valid.size - 1


def test_a_picture_has_the_values_that_the_network_is_given(tmp_path: Path) -> None:
    """With the offset, which is not added to pixels without data."""
    pixels = GROUND.astype(np.uint16) * 20
    pixels[:, :30] = 0
    path = write_raster(tmp_path / 'image.tif', pixels, utm(), nodata=0)
    with open_raster(str(path), 'before') as file:
        kwargs = dict(grid=grid_of(file), shift=(0, 0), bands=(1, 2, 3))
        with RasterReader(file, 'before', offset=-1000, **kwargs) as reader:
            for one, other in zip(reader.read(0, 120), reader.read_reduced(120, 160), strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize('warped', [False, True])
def test_an_alpha_band_is_a_mask(tmp_path: Path, warped: bool) -> None:
    alpha = np.full((1, 120, 160), 255, np.uint8)
    alpha[:, :30] = 0
    path = write_raster(tmp_path / 'i.tif', np.concatenate([GROUND, alpha]), utm(), alpha='YES')
    grid = Grid(rasterio.CRS.from_epsg(32633), utm(), 120, 160) if warped else None
    pixels, valid = read(path, grid, resampling='nearest')
    assert len(pixels) == 3
    assert not valid[:30].any() and valid[30:].all()
    np.testing.assert_array_equal(pixels[:, 30:], GROUND[:, 30:])


def test_not_a_number_is_no_data(tmp_path: Path) -> None:
    pixels = GROUND.astype(np.float32)
    pixels[1, 3, 4] = np.nan
    valid = read(write_raster(tmp_path / 'image.tif', pixels, utm()))[1]
    assert not valid[3, 4] and valid.sum() == valid.size - 1


@pytest.mark.parametrize('nodata', [None, 0])
def test_outside_of_a_warped_image_there_is_no_data(tmp_path: Path, nodata: int | None) -> None:
    path = write_raster(tmp_path / 'image.tif', GROUND, utm(), nodata=nodata)
    # 20 pixels to the left of the image, 10 above it
    grid = Grid(rasterio.CRS.from_epsg(32633), chain(utm(), Affine.translation(-20, -10)), 60, 80)
    pixels, valid = read(path, grid, resampling='nearest')
    assert not valid[:10].any() and not valid[:, :20].any() and valid[10:, 20:].all()
    np.testing.assert_array_equal(pixels[:, 10:, 20:], GROUND[:, :50, :60])


def test_a_no_data_value_does_not_mix_into_its_neighbours(tmp_path: Path) -> None:
    """Half of the image is black; warped by half a pixel, nothing gets darker than it was."""
    pixels = np.full((3, 120, 160), 100, np.uint8)
    pixels[:, :, :80] = 0
    path = write_raster(tmp_path / 'image.tif', pixels, utm(), nodata=0)
    grid = Grid(rasterio.CRS.from_epsg(32633), chain(utm(), Affine.translation(0.5, 0.5)), 119, 159)
    warped, valid = read(path, grid)
    assert set(np.unique(warped[:, valid])) == {100}


@pytest.mark.parametrize('named', [0, 255])
@pytest.mark.parametrize('own', ['value', 'alpha', 'mask'])
def test_a_warped_image_has_no_data_by_its_own_word_and_by_a_named_value(
    tmp_path: Path, own: str, named: int
) -> None:
    """A collar of each kind: neither counts, nor mixes into its neighbours."""
    pixels = np.full((3, 120, 160), 100, np.uint8)
    pixels[:, 90:], pixels[:, :, :80] = named, 255 - named
    pixels[0, 40, 120], pixels[1, 60, 120] = 0, 255  # one band of such a value is data
    mask = np.zeros((120, 160), np.uint8)
    mask[:, 80:] = 255
    profile = dict(value=dict(nodata=255 - named), alpha=dict(alpha='YES'), mask={})[own]
    stored = np.concatenate([pixels, mask[None]]) if own == 'alpha' else pixels
    path = write_raster(tmp_path / 'image.tif', stored, utm(), **profile)
    if own == 'mask':
        with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, 'r+') as file:
            file.write_mask(mask)
    grid = Grid(rasterio.CRS.from_epsg(32633), chain(utm(), Affine.translation(0.3, 0.3)), 119, 159)
    warped, valid = read(path, grid, no_data=named)
    expected = np.zeros((119, 159), bool)
    expected[:90, 80:] = True
    np.testing.assert_array_equal(valid, expected)
    around = np.zeros_like(expected)
    around[39:61, 119:122] = True
    assert set(np.unique(warped[:, expected & ~around])) == {100}
    assert warped[0, 40, 120] < 100 < warped[1, 60, 120]


def test_one_band_of_that_value_is_data_when_warped_too(tmp_path: Path) -> None:
    """Red ends in the middle of the image, green goes on: warped by half a pixel, red fades."""
    pixels = np.full((3, 120, 160), 100, np.uint8)
    pixels[0, :, 80:] = 0
    path = write_raster(tmp_path / 'image.tif', pixels, utm(), nodata=0)
    grid = Grid(rasterio.CRS.from_epsg(32633), chain(utm(), Affine.translation(0.5, 0)), 119, 159)
    warped, valid = read(path, grid)
    assert valid.all() and (warped[0, :, 79] == 50).all()


def test_warping_to_a_rotated_grid(tmp_path: Path) -> None:
    """A quarter turn: rows of the map are columns of the image."""
    path = write_raster(tmp_path / 'image.tif', GROUND, utm())
    turned = chain(chain(utm(), Affine.translation(0, 120)), Affine.rotation(-90))
    grid = Grid(rasterio.CRS.from_epsg(32633), turned, 160, 120)
    pixels, valid = read(path, grid, resampling='nearest')
    assert valid.all()
    np.testing.assert_array_equal(pixels, np.rot90(GROUND, -1, (1, 2)))


def test_a_file_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SceneError, match='Cannot open the after image'):
        open_raster(str(tmp_path / 'none.tif'), 'after')
    monkeypatch.chdir(tmp_path)
    said = re.escape(f'Cannot open the after image none.tif (from {tmp_path}): ')
    with pytest.raises(SceneError, match=said):
        open_raster('none.tif', 'after')


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / 'pipe.tif')
    with pytest.raises(SceneError, match=r'pipe\.tif is a pipe or a device.*Name a file'):
        open_raster(str(tmp_path / 'pipe.tif'), 'before')


def test_ground_control_points_are_refused(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'image.tif', GROUND)
    with rasterio.open(path, 'r+') as file:
        points = [GroundControlPoint(r, c, 10 + c, 50 - r) for r, c in ((0, 0), (0, 9), (9, 0))]
        file.gcps = points, rasterio.CRS.from_epsg(4326)
    with pytest.raises(SceneError, match='ground control points'):
        open_raster(str(path), 'before')


SMALL_GROUND = draw_ground(40, 50)
NIR_RGB = ImageSpec(bands=['nir', 'red', 'green', 'blue'])


def make(folder: Path, bands: int, names: list[str] | None = None, **profile) -> Path:
    pixels = np.concatenate([SMALL_GROUND, SMALL_GROUND])[:bands]
    path = write_raster(folder / 'image.tif', pixels, utm(), **profile)
    if names:
        with rasterio.open(path, 'r+') as file:
            file.descriptions = names
    return path


def choose(path: Path, image: ImageSpec = RGB_8BIT, **settings) -> list[int]:
    with rasterio.open(path) as file:
        return choose_bands(file, 'before', SceneSettings(**settings), image)


def test_all_bands_where_their_number_fits(tmp_path: Path) -> None:
    assert choose(make(tmp_path, 3)) == [1, 2, 3]
    assert choose(make(tmp_path, 4, photometric='MINISBLACK'), NIR_RGB) == [1, 2, 3, 4]


def test_by_the_names_in_the_file(tmp_path: Path) -> None:
    path = make(tmp_path, 4, ['Blue', 'Green', 'Red', 'NIR'], photometric='MINISBLACK')
    assert choose(path, NIR_RGB) == [4, 3, 2, 1]
    assert choose(path) == [3, 2, 1]


def test_by_colours_where_the_file_has_no_names(tmp_path: Path) -> None:
    path = make(tmp_path, 4, photometric='MINISBLACK')
    with rasterio.open(path, 'r+') as file:
        names = ('blue', 'green', 'red', 'undefined')
        file.colorinterp = [ColorInterp[name] for name in names]
    assert choose(path) == [3, 2, 1]


def test_what_is_named_comes_first(tmp_path: Path) -> None:
    path = make(tmp_path, 4, ['blue', 'green', 'red', 'nir'], photometric='MINISBLACK')
    spec = ImageSpec(file_bands=(4, 2, 1))
    assert choose(path, spec) == [4, 2, 1]
    assert choose(path, spec, bands=(1, 1, 1)) == [1, 1, 1]


def test_four_bands_are_not_taken_for_three(tmp_path: Path) -> None:
    """Near infrared may stand first: what is red cannot be guessed."""
    path = make(tmp_path, 4, photometric='MINISBLACK')
    with pytest.raises(SceneError, match=r'4 bands of uint8; .*3 bands \(red.*--bands 1 2 3'):
        choose(path)


@pytest.mark.parametrize('bands', [(1, 2, 3, 4), (0, 1, 2), (1, 2), (3, 3, 4)])
def test_bands_that_are_not_there(tmp_path: Path, bands: tuple[int, ...]) -> None:
    with pytest.raises(SceneError, match=r'has 3 bands of uint8, but bands .* are asked for'):
        choose(make(tmp_path, 3), bands=bands)


def test_the_alpha_band_is_no_band_for_the_network(tmp_path: Path) -> None:
    path = make(tmp_path, 2, photometric='MINISBLACK', alpha='YES')
    with pytest.raises(
        SceneError, match=r'2 bands of uint8 \(number 2 is its alpha mask\).*--bands 1 1 1'
    ):
        choose(path, bands=(1, 2, 1))
    rgba = make(tmp_path, 4, alpha='YES', photometric='RGB')
    assert choose(rgba) == [1, 2, 3]


@pytest.mark.parametrize('dtype', ['complex64', 'complex_int16'])
def test_complex_values(tmp_path: Path, dtype: str) -> None:
    """Sentinel-1 single looks are complex_int16, a type that NumPy does not have."""
    profile = dict(driver='GTiff', height=8, width=8, count=3, dtype=dtype, transform=utm())
    with rasterio.open(tmp_path / 'sar.tif', 'w', **profile) as file:
        file.write(np.ones((3, 8, 8), np.complex64))
    with pytest.raises(SceneError, match=f'holds {dtype} values; .* takes 3 bands.*AMPLITUDE'):
        choose(tmp_path / 'sar.tif')


def test_indices_of_a_palette(tmp_path: Path) -> None:
    profile = dict(driver='GTiff', height=8, width=8, count=1, dtype='uint8', transform=utm())
    with rasterio.open(tmp_path / 'colours.tif', 'w', **profile) as file:
        file.write(np.ones((1, 8, 8), np.uint8))
        file.write_colormap(1, {0: (0, 0, 0), 1: (255, 0, 0)})
    with pytest.raises(SceneError, match=r'colours\.tif holds indices of a colour table, not va'):
        choose(tmp_path / 'colours.tif', bands=(1, 1, 1))
    with rasterio.open(tmp_path / 'photo.tif', 'w', **profile) as file:
        file.write(np.ones((1, 8, 8), np.uint8))
        file.write_colormap(1, {grey: (grey,) * 3 for grey in range(256)})
    assert choose(tmp_path / 'photo.tif', bands=(1, 1, 1)) == [1, 1, 1]
