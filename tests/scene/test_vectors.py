from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from rasterio.crs import CRS
from rasterio.transform import Affine

from mmcd.scene.grid import Grid
from mmcd.scene.partial_run import FinishedRows
from mmcd.scene.vectors import find_polygons, mean_probability, write_polygons
from mmcd.scene.writing import publish
from tests.scene.rasters import UTM, chain, utm, write_raster

HEIGHT, WIDTH = 90, 70
GRID = Grid(CRS.from_string(UTM), utm(), HEIGHT, WIDTH)


def draw_mask() -> np.ndarray:
    """A block across strips, one with a hole, two that touch at a corner, no data at the right."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:60, 4:14] = 1
    mask[20:30, 30:40] = 1
    mask[24:26, 34:36] = 0
    mask[70:72, 20:22] = 1
    mask[72:74, 22:24] = 1
    mask[:, 65:] = 255
    return mask


def strips_of(mask: np.ndarray, probability: np.ndarray, rows: int = 25) -> list[FinishedRows]:
    return [
        FinishedRows(mask[row : row + rows], probability[row : row + rows])
        for row in range(0, len(mask), rows)
    ]


@pytest.mark.parametrize('transform', [utm(), chain(utm(), Affine.rotation(25)), None])
def test_areas_are_found_in_pixels(tmp_path: Path, transform: Affine | None) -> None:
    path = write_raster(tmp_path / 'mask.tif', draw_mask()[None], transform)
    crs = None if transform is None else GRID.crs
    grid = Grid(crs, transform or Affine.identity(), HEIGHT, WIDTH)
    found = find_polygons(path, grid)
    assert found.pixels.tolist() == [550, 96, 4, 4]
    assert found.number.tolist() == [5 * 70 + 4, 20 * 70 + 30, 70 * 70 + 20, 72 * 70 + 22]
    assert shapely.bounds(found.outlines)[0].tolist() == [4, 5, 14, 60]
    assert len(found.outlines[1].interiors) == 1
    if transform is None:
        assert np.isnan(found.area).all()
    else:
        np.testing.assert_allclose(found.area, found.pixels / 4)


def test_numbers_stay_when_small_areas_are_left_out(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'mask.tif', draw_mask()[None], utm())
    few = find_polygons(path, GRID, min_area=20)
    assert few.number.tolist() == find_polygons(path, GRID).number.tolist()[:2]


def test_without_georeference_the_least_area_is_in_pixels(tmp_path: Path) -> None:
    path = write_raster(tmp_path / 'mask.tif', draw_mask()[None])
    grid = Grid(None, Affine.identity(), HEIGHT, WIDTH)
    assert len(find_polygons(path, grid, min_area=96)) == 2


@pytest.mark.parametrize('dtype', [np.uint8, np.float32])
def test_the_mean_probability_of_each_area(tmp_path: Path, dtype: type) -> None:
    """Whatever strips an area goes through; no data does not count."""
    mask = draw_mask()
    probability = np.random.default_rng(0).random(mask.shape, np.float32)
    kept = probability if dtype is np.float32 else np.round(probability * 254).astype(np.uint8)
    path = write_raster(tmp_path / 'mask.tif', mask[None], utm())
    polygons = find_polygons(path, GRID)
    found = mean_probability(polygons, strips_of(mask, kept))
    for outline, mean in zip(polygons.outlines, found, strict=True):
        left, top, right, bottom = map(int, outline.bounds)
        inside = mask[top:bottom, left:right] == 1
        expected = probability[top:bottom, left:right][inside].mean()
        assert mean == pytest.approx(expected, abs=1e-6 if dtype is np.float32 else 2e-3)


def write(path: Path, mask: np.ndarray, folder: Path, **kwargs) -> None:
    polygons = find_polygons(write_raster(folder / 'mask.tif', mask[None], utm()), GRID)
    probability = mean_probability(polygons, strips_of(mask, mask * np.float32(0.75)))
    write_polygons(path, polygons, probability, GRID, **kwargs)
    publish([path])


def test_a_geopackage(tmp_path: Path) -> None:
    path = tmp_path / 'change.gpkg'
    write(path, draw_mask(), tmp_path)
    meta, _, outlines, columns = pyogrio.raw.read(path, layer='change')
    assert meta['crs'] == UTM
    assert pyogrio.list_layers(path)[:, 0].tolist() == ['change', 'layer_styles']
    assert list(meta['fields']) == [
        'change_id',
        'area_m2',
        'pixels',
        'mean_probability',
        'class',
    ]
    assert set(columns[4]) == {'changed'}
    np.testing.assert_allclose(columns[1], [137.5, 24, 1, 1])
    np.testing.assert_allclose(columns[3], 0.75)
    # On the ground, the outline has the area that the column says.
    np.testing.assert_allclose(shapely.area(shapely.from_wkb(outlines)), columns[1])


def test_geojson_is_in_degrees(tmp_path: Path) -> None:
    path = tmp_path / 'change.geojson'
    write(path, draw_mask(), tmp_path)
    features = json.loads(path.read_text())['features']
    assert len(features) == 4 and 'crs' not in json.loads(path.read_text())
    longitude, latitude = features[0]['geometry']['coordinates'][0][0]
    assert 13 < longitude < 14 and 50 < latitude < 51
    assert features[0]['properties']['change_id'] == 5 * 70 + 4


@pytest.mark.parametrize('suffix', ['.gpkg', '.geojson'])
def test_no_change_is_an_empty_layer(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f'change{suffix}'
    write(path, np.zeros((HEIGHT, WIDTH), np.uint8), tmp_path)
    assert pyogrio.read_info(path)['features'] == 0


def test_simplified_outlines_stay_near(tmp_path: Path) -> None:
    """A staircase becomes a line; the area that is noted is that of the pixels."""
    mask = np.tri(HEIGHT, WIDTH, dtype=np.uint8)
    write(tmp_path / 'all.gpkg', mask, tmp_path)
    write(tmp_path / 'few.gpkg', mask, tmp_path, simplify=1)
    full, few = (pyogrio.raw.read(tmp_path / f'{name}.gpkg') for name in ('all', 'few'))
    (outline,), (simple,) = (shapely.from_wkb(part[2]) for part in (full, few))
    assert shapely.get_num_coordinates(simple) < 10 < shapely.get_num_coordinates(outline)
    assert simple.hausdorff_distance(outline) <= 1
    assert few[3][1] == full[3][1]


def test_the_same_timestamp_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ('one.gpkg', 'other.gpkg'):
        write(tmp_path / name, draw_mask(), tmp_path, timestamp='2020-01-02T03:04:05Z')
    assert (tmp_path / 'one.gpkg').read_bytes() == (tmp_path / 'other.gpkg').read_bytes()
    assert pyogrio.get_gdal_config_option('OGR_CURRENT_DATE') is None
