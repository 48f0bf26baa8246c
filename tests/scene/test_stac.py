"""The STAC item of a map."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.warp import transform as transform_points

from mmcd.errors import SceneError
from mmcd.inference import FunctionPredictor
from mmcd.scene.grid import Grid
from mmcd.scene.scene import map_scene
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings
from mmcd.scene.stac import footprint, scene_dates
from tests.scene.mapping import SMALL, map_small
from tests.scene.rasters import BlurredDifference

UTM = CRS.from_epsg(32631)
TURNED = Affine(8, 3, 500000, 2, -9, 5200000)


def write(path: Path, seed: int, **profile) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (3, 90, 120), np.uint8)
    settings = dict(driver='GTiff', height=90, width=120, count=3, dtype='uint8')
    with rasterio.open(path, 'w', **settings, **profile) as file:
        file.write(pixels)
    return path


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    place = dict(crs=UTM, transform=Affine(10, 0, 500000, 0, -10, 5200000))
    return (
        write(tmp_path / 'S2A_20190812T105031_a.tif', 1, **place),
        write(tmp_path / 'S2B_20230816_b.tif', 2, **place),
    )


def read_item(folder: Path) -> dict:
    return json.loads((folder / 'change.stac.json').read_text())


def test_the_item_tells_place_time_and_files(pair, tmp_path: Path) -> None:
    out = tmp_path / 'out' / 'change.tif'
    out.parent.mkdir()
    vectors = out.with_suffix('.gpkg')
    map_small(BlurredDifference(), *pair, out, vectors=vectors, stac=True, cog=True)
    item = read_item(out.parent)
    assert (item['type'], item['stac_version'], item['id']) == ('Feature', '1.1.0', 'change')
    properties = item['properties']
    assert properties['datetime'] is None
    assert properties['start_datetime'] == '2019-08-12T10:50:31Z'
    assert properties['end_datetime'] == '2023-08-16T00:00:00Z'
    assert properties['proj:code'] == 'EPSG:32631' and properties['proj:shape'] == [90, 120]
    assert properties['proj:transform'] == [10, 0, 500000, 0, -10, 5200000]
    assert properties['gsd'] == pytest.approx(10, rel=1e-3)
    x, y = [500000, 501200], [5200000 - 900, 5200000]
    west, south, east, north = item['bbox']
    for corner in ((0, 0), (1, 1)):
        (lon,), (lat,) = transform_points(UTM, 'EPSG:4326', [x[corner[0]]], [y[corner[1]]])
        assert west - 1e-6 <= lon <= east + 1e-6 and south - 1e-6 <= lat <= north + 1e-6
    assert east - west < 0.02 and north - south < 0.01
    assert item['geometry']['type'] == 'Polygon'
    assets = item['assets']
    assert set(assets) == {'map', 'probability', 'polygons', 'quicklook', 'report', 'style'}
    for asset in assets.values():
        content = (out.parent / asset['href']).read_bytes()
        assert asset['file:checksum'] == '1220' + hashlib.sha256(content).hexdigest()
        assert asset['file:size'] == len(content)
    assert assets['map']['type'].endswith('profile=cloud-optimized')
    assert assets['map']['classification:classes'] == [
        dict(
            value=0,
            name='unchanged',
            title='unchanged',
            description='unchanged',
            color_hint='000000',
        ),
        dict(
            value=1,
            name='changed',
            title='changed',
            description='changed',
            color_hint='E6194B',
        ),
        dict(value=255, name='no_data', description='no data', nodata=True),
    ]
    assert assets['probability']['nodata'] == 'nan'
    assert not any('/raster/' in each for each in item['stac_extensions'])
    assert all('https://stac-extensions.github.io/' in each for each in item['stac_extensions'])


def test_files_in_other_folders_are_linked_to(pair, tmp_path: Path) -> None:
    folders = [tmp_path / 'maps', tmp_path / 'maps' / 'polygons', tmp_path / 'probabilities']
    for folder in folders:
        folder.mkdir()
    outputs = SceneOutputs(
        folders[0] / 'change.tif', folders[2] / 'p.tif', folders[1] / 'change.gpkg'
    )
    predictor = FunctionPredictor(BlurredDifference())
    map_scene(predictor, *map(str, pair), outputs, SceneSettings(**SMALL, stac=True))
    links = {key: asset['href'] for key, asset in read_item(folders[0])['assets'].items()}
    assert links['map'] == './change.tif'
    assert links['polygons'] == './polygons/change.gpkg'
    assert links['probability'] == '../probabilities/p.tif'
    assert all((folders[0] / link).is_file() for link in links.values())


def test_the_dates_may_be_named(pair, tmp_path: Path) -> None:
    out = tmp_path / 'change.tif'
    dates = ('2021-05-01T08:00:00Z', '2020-01-01')
    map_small(BlurredDifference(), *pair, out, stac=True, dates=dates)
    properties = read_item(tmp_path)['properties']
    assert properties['start_datetime'] == '2020-01-01T00:00:00Z'
    assert properties['end_datetime'] == '2021-05-01T08:00:00Z'


@pytest.mark.parametrize(
    ('said', 'time'),
    [
        ('2019-08-12Z', '2019-08-12T00:00:00Z'),
        ('2019-08-12T10:50:31', '2019-08-12T10:50:31Z'),
        ('2019-08-12T10:50:31+02:00', '2019-08-12T08:50:31Z'),
    ],
)
def test_all_that_is_taken_for_a_date_is_one(said: str, time: str) -> None:
    grid = Grid(UTM, Affine(10, 0, 500000, 0, -10, 5200000), 90, 120)
    assert scene_dates(['a', 'b'], SceneSettings(dates=(said, said)), grid) == (time, time)


def test_stored_probabilities_and_zones_are_told(pair, tmp_path: Path) -> None:
    zones = tmp_path / 'zones.geojson'
    corners = [[500000, 5199100], [501200, 5199100], [501200, 5200000], [500000, 5199100]]
    lon, lat = transform_points(UTM, 'EPSG:4326', *zip(*corners, strict=True))
    ring = [list(point) for point in zip(lon, lat, strict=True)]
    shape = dict(type='Polygon', coordinates=[ring])
    feature = dict(type='Feature', properties={}, geometry=shape)
    zones.write_text(json.dumps(dict(type='FeatureCollection', features=[feature])))
    out = tmp_path / 'change.tif'
    settings = dict(stac=True, probability_type='uint8', zones=str(zones))
    map_small(BlurredDifference(), *pair, out, **settings)
    item = read_item(tmp_path)
    probability = item['assets']['probability']
    with rasterio.open(tmp_path / probability['href']) as file:
        assert probability['raster:scale'] == pytest.approx(file.scales[0])
        assert probability['nodata'] == file.nodata
    assert 'https://stac-extensions.github.io/raster/v2.0.0/schema.json' in item['stac_extensions']
    assert item['assets']['zones']['href'] == './change_zones.csv'


def test_dates_are_read_from_tags(tmp_path: Path) -> None:
    place = dict(crs=UTM, transform=Affine(10, 0, 500000, 0, -10, 5200000))
    acquired = write(tmp_path / 'a_20190812.tif', 1, **place)
    named = write(tmp_path / 'b_20200101.tif', 2, **place)
    written = write(tmp_path / 'c.tif', 3, **place)
    with rasterio.open(acquired, 'r+') as file:
        file.update_tags(ns='IMAGERY', ACQUISITIONDATETIME='2018-03-04 05:06:07.25')
    for path in (named, written):
        with rasterio.open(path, 'r+') as file:
            file.update_tags(TIFFTAG_DATETIME='2021:02:03 04:05:06')
    grid = Grid(UTM, place['transform'], 90, 120)
    found = [scene_dates([str(path)], SceneSettings(), grid)[0] for path in (acquired, named)]
    assert found == ['2018-03-04T05:06:07Z', '2020-01-01T00:00:00Z']
    assert scene_dates([str(written)], SceneSettings(), grid) == ('2021-02-03T04:05:06Z',)


def test_an_item_may_be_asked_for_when_the_strips_are_there(pair, tmp_path: Path) -> None:
    out = tmp_path / 'change.tif'
    map_small(BlurredDifference(), *pair, out)
    assert not (tmp_path / 'change.stac.json').exists()
    map_small(BlurredDifference(), *pair, out, stac=True, resume=True)
    assert read_item(tmp_path)['id'] == 'change'


def test_what_an_item_needs_is_told_before_the_work(pair, tmp_path: Path) -> None:
    def never(tiles: np.ndarray) -> np.ndarray:
        raise AssertionError('The network was called.')

    place = dict(crs=UTM, transform=Affine(10, 0, 500000, 0, -10, 5200000))
    plain = write(tmp_path / 'before_99999999.tif', 1, **place)
    with pytest.raises(SceneError, match=r'the tags of \S*before_99999999\.tif hold a date such'):
        map_small(never, plain, pair[1], tmp_path / 'change.tif', stac=True)
    nowhere = [write(tmp_path / f'{seed}.tif', seed) for seed in (1, 2)]
    with pytest.raises(SceneError, match=r'the images have no CRS\. Leave --stac out'):
        map_small(never, *nowhere, tmp_path / 'change.tif', stac=True)
    for dates in (('2019-08-12', 'May'), ('2019-08-12',)):
        with pytest.raises(SceneError, match='dates: two such as 2019-08-12 or'):
            map_small(never, *pair, tmp_path / 'change.tif', stac=True, dates=dates)


@pytest.mark.parametrize(
    ('grid', 'crosses'),
    [
        (Grid(UTM, TURNED, 90, 120), False),
        (Grid(CRS.from_epsg(32701), Affine(500, 0, 160000, 0, -500, 8000000), 80, 100), True),
    ],
)
def test_the_footprint_follows_the_border(grid: Grid, crosses: bool) -> None:
    shape = footprint(grid)
    assert shape['type'] == ('MultiPolygon' if crosses else 'Polygon')
    if not crosses:
        (ring,) = shape['coordinates']
        assert ring[0] == ring[-1]
        corners = [TURNED * corner for corner in ((0, 0), (120, 0), (120, 90), (0, 90))]
        lon, lat = transform_points(UTM, 'EPSG:4326', *zip(*corners, strict=True))
        for corner in zip(lon, lat, strict=True):
            assert np.abs(np.array(ring) - corner).max(axis=1).min() < 1e-6
