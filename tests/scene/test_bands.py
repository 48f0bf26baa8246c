from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp

from mmcd.errors import SceneError
from mmcd.scene.bands import choose_bands
from mmcd.scene.settings import SceneSettings
from mmcd.structures import RGB_8BIT, ImageSpec
from tests.scene.rasters import draw_ground, utm, write_raster

GROUND = draw_ground(40, 50)
NIR_RGB = ImageSpec(bands=['nir', 'red', 'green', 'blue'])


def make(folder: Path, bands: int, names: list[str] | None = None, **profile) -> Path:
    pixels = np.concatenate([GROUND, GROUND])[:bands]
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


def test_complex_values(tmp_path: Path) -> None:
    pixels = np.ones((3, 8, 8), np.complex64)
    path = write_raster(tmp_path / 'sar.tif', pixels, utm())
    with pytest.raises(SceneError, match='holds complex64 values'):
        choose(path)
