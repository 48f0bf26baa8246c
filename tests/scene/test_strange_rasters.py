"""Rasters and settings that can't give a map: one message, before the work."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.settings import SceneSettings
from tests.scene.mapping import map_small
from tests.scene.rasters import draw_ground, first_band, utm, write_raster

SIZE = 70, 90
LOCAL = 'LOCAL_CS["site",UNIT["metre",1],AXIS["x",EAST],AXIS["y",NORTH]]'
MARS = (
    'GEOGCS["Mars 2000",DATUM["D_Mars_2000",SPHEROID["Mars_2000_IAU_IAG",3396190,169.89]],'
    'PRIMEM["Reference_Meridian",0],UNIT["Degree",0.0174532925199433]]'
)
ROTATED_POLE = (
    '+proj=ob_tran +o_proj=longlat +o_lon_p=-162 +o_lat_p=39.25 +lon_0=180 '
    '+to_meter=0.0174532925199433'
)
DEGREES = 1e-5


class Counted:
    """A network that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        self.calls += 1
        return first_band(tiles)


def geographic(latitude: float) -> Affine:
    return Affine(DEGREES, 0, 10, 0, -DEGREES, latitude)


GRIDS: dict[str, tuple[Affine, str | None, str]] = {
    'no size': (Affine(0, 0, 4e5, 0, 0, 5e6), 'EPSG:32633', 'by which pixels have no size'),
    'no width': (Affine(0, 0, 4e5, 0, -1, 5e6), 'EPSG:32633', 'have no size|by ground control'),
    'sheared flat': (Affine(1, 1, 4e5, 1, 1, 5e6), 'EPSG:32633', 'by which pixels have no size'),
    'NaN': (Affine(float('nan'), 0, 4e5, 0, -1, 5e6), 'EPSG:32633', 'pixels have no size'),
    'latitude 200': (geographic(200), 'EPSG:4326', 'latitudes over 90 degrees'),
    'latitude -500': (geographic(-500), 'EPSG:4326', 'latitudes over 90 degrees'),
}


@pytest.mark.parametrize('both', [True, False])
@pytest.mark.parametrize(('transform', 'crs', 'message'), GRIDS.values(), ids=GRIDS)
def test_a_grid_that_is_none(
    tmp_path: Path, transform: Affine, crs: str, message: str, both: bool
) -> None:
    strange = write_raster(tmp_path / 'strange.tif', draw_ground(*SIZE), transform, crs)
    other = strange if both else write_raster(tmp_path / 'good.tif', draw_ground(*SIZE), utm())
    network = Counted()
    with pytest.raises(SceneError, match=message):
        map_small(network, strange, other, tmp_path / 'out' / 'map.tif')
    assert not network.calls and not list((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('crs', [LOCAL, MARS], ids=['local', 'Mars'])
def test_a_crs_away_from_the_earth(tmp_path: Path, crs: str) -> None:
    """Alone it is mapped, or refused with a reason; against one of the Earth it is refused."""
    transform = geographic(20) if crs == MARS else utm()
    strange = write_raster(tmp_path / 'strange.tif', draw_ground(*SIZE), transform, crs)
    good = write_raster(tmp_path / 'good.tif', draw_ground(*SIZE), utm())
    network = Counted()
    with pytest.raises(SceneError):
        map_small(network, strange, good, tmp_path / 'map.tif')
    assert not network.calls
    with suppress(SceneError):
        map_small(network, strange, strange, tmp_path / 'map.tif', vectors=tmp_path / 'map.gpkg')
        assert network.calls and (tmp_path / 'map.gpkg').exists()
        return
    assert not network.calls


@pytest.mark.parametrize('crs', [ROTATED_POLE, '+proj=isea'], ids=['rotated pole', 'icosahedron'])
def test_a_crs_that_the_map_cannot_hold(tmp_path: Path, crs: str) -> None:
    """GDAL puts such a one beside a GeoTIFF: of the map, it would be left behind."""
    transform = Affine(1e-2, 0, 5, 0, -1e-2, 2) if crs == ROTATED_POLE else Affine.scale(10, -10)
    image = write_raster(tmp_path / 'image.tif', draw_ground(*SIZE), transform, crs)
    network = Counted()
    with pytest.raises(SceneError, match=r'in the CRS of the before image, .*cannot hold.*Warp'):
        map_small(network, image, image, tmp_path / 'out' / 'map.tif')
    assert not network.calls and not list((tmp_path / 'out').iterdir())


@pytest.mark.parametrize('no_data', [300.0, -1.0, 0.5])
def test_a_value_that_no_pixel_has(tmp_path: Path, no_data: float) -> None:
    image = write_raster(tmp_path / 'a.tif', draw_ground(*SIZE), utm())
    with pytest.raises(SceneError, match=r'No pixel of the before image .* holds uint8 values'):
        map_small(first_band, image, image, tmp_path / 'map.tif', no_data=no_data)


@pytest.mark.parametrize('value_range', [(float('-inf'), float('inf')), (0, float('nan')), (5, 5)])
def test_a_value_range_that_is_none(value_range: tuple[float, float]) -> None:
    with pytest.raises(SceneError, match='value range: two finite values, the lower one first'):
        SceneSettings(value_range=value_range)


def test_a_header_that_promises_too_much(tmp_path: Path) -> None:
    """2e7 and 2e9 pixels in a row: no memory holds them, and no file has them."""
    for size in (20_000_000, 2_000_000_000):
        path = tmp_path / 'wide.vrt'
        bands = ''.join(f'<VRTRasterBand dataType="Byte" band="{n}"/>' for n in (1, 2, 3))
        path.write_text(f'<VRTDataset rasterXSize="{size}" rasterYSize="{size}">{bands}'
                        '</VRTDataset>')  # fmt: skip
        with pytest.raises((SceneError, SceneStoppedError), match=r'A row of tiles of this scene'):
            map_small(first_band, path, path, tmp_path / 'map.tif', tile_size=512)
        assert [each.name for each in tmp_path.iterdir()] == ['wide.vrt']


def small_tiles(**settings: Any) -> SceneSettings:
    return SceneSettings(**settings).completed(tile_size=96, threshold=0.5)


def test_a_model_s_small_tiles_go_with_the_default_overlap() -> None:
    assert small_tiles().overlap == 24
    assert small_tiles(overlap=64).overlap == 64
    with pytest.raises(SceneError, match='overlap: from 0 to less than the tile size, not 96'):
        small_tiles(overlap=96)


def test_small_tiles_that_are_chosen_go_with_the_default_overlap() -> None:
    sizes = {1: 0, 128: 32, 129: 32, 255: 63, 256: 128, 512: 128}
    assert {size: small_tiles(tile_size=size).overlap for size in sizes} == sizes
    with pytest.raises(SceneError, match='overlap: from 0 to less than the tile size, not 128'):
        SceneSettings(tile_size=128, overlap=128)
