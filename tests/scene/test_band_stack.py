"""Scenes whose dates are folders with a file for each band, as Sentinel-2's products are."""

from __future__ import annotations

import contextlib
import logging
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.crs import CRS

from mmcd.errors import SceneError
from mmcd.inference import FunctionPredictor
from mmcd.io.band_folder import band_files, product_offset
from mmcd.io.images import read_pair_image
from mmcd.scene.band_stack import stack_bands, with_mask_band
from mmcd.scene.pair_reader import open_pair
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageSpec
from tests.scene.mapping import map_small
from tests.scene.rasters import BlurredDifference

UTM = CRS.from_epsg(32631)
CORNER = (500000.0, 5200000.0)
SIZE = 240  # pixels of 10 m
METRES = {'B02': 10, 'B04': 10, 'B8A': 20, 'B01': 60}
MIXED = '<a><BOA_ADD_OFFSET>-1</BOA_ADD_OFFSET><BOA_ADD_OFFSET>0</BOA_ADD_OFFSET></a>'
SPEC = ImageSpec(bands=('red', 'nir08', 'coastal'), dtype='uint16', value_range=(0, 4000))


class FirstDifference:
    """Where the first band differs, smoothed; of values up to 4,000."""

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        bands = tiles.shape[1] // 2
        shown = tiles[:, [0, 0, 0, bands, bands, bands]].clip(0, 4000) / 4000 * 255
        return BlurredDifference()(shown.astype(np.uint8))


PREDICTOR = FunctionPredictor(FirstDifference(), image=SPEC)


def band(name: str, seed: int) -> np.ndarray:
    """Values of 1,000 to 2,000; later seeds have a bright square."""
    side = SIZE * 10 // METRES[name]
    pixels = np.random.default_rng([seed, len(name), METRES[name]]).integers(
        1000, 2000, (side, side)
    )
    if seed:
        pixels[side // 4 : side // 2, side // 4 : side // 2] += 2000
    return pixels.astype(np.uint16)


def write_band(path: Path, pixels: np.ndarray, metres: float, **profile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = dict(
        driver='JP2OpenJPEG' if path.suffix == '.jp2' else 'GTiff',
        height=pixels.shape[0],
        width=pixels.shape[1],
        count=1,
        dtype=pixels.dtype,
        crs=UTM,
        transform=Affine(metres, 0, CORNER[0], 0, -metres, CORNER[1]),
    )
    if path.suffix == '.jp2':
        settings.update(QUALITY='100', REVERSIBLE='YES')
    with rasterio.open(path, 'w', **{**settings, **profile}) as file:
        file.write(pixels, 1)


def write_folder(folder: Path, seed: int, suffix: str = '.tif') -> Path:
    for name, metres in METRES.items():
        write_band(folder / f'T31UDQ_2019_{name}{suffix}', band(name, seed), metres)
    return folder


def write_product(folder: Path, seed: int, *, offset: int | None = None) -> Path:
    """As level 2A has it: a folder a resolution, the finer bands in the coarser ones, too."""
    images = folder / 'GRANULE' / 'L2A_T31UDQ_A1' / 'IMG_DATA'
    for name, metres in METRES.items():
        for coarser in (10, 20, 60):
            if coarser >= metres:
                pixels = band(name, seed)[:: coarser // metres, :: coarser // metres]
                if offset and coarser == metres:
                    pixels = (pixels.astype(int) - offset).astype(np.uint16)
                    pixels[:3] = 0  # no data
                path = images / f'R{coarser}m' / f'T31UDQ_{name}_{coarser}m.jp2'
                write_band(path, np.ascontiguousarray(pixels), coarser)
    said = '' if offset is None else f'<BOA_ADD_OFFSET band_id="0">{offset}</BOA_ADD_OFFSET>'
    (folder / 'MTD_MSIL2A.xml').write_text(f'<a:Product xmlns:a="b">{said}</a:Product>')
    return folder


def write_stack(path: Path, folder: Path) -> Path:
    """The bands of a folder in one file, brought to 10 m by GDAL's own warping."""
    files = band_files(folder)
    pixels = []
    for name in ('B04', 'B8A', 'B01'):
        with rasterio.open(files[name]) as file:
            shape = (SIZE, SIZE)
            pixels.append(
                file.read(1, out_shape=shape, resampling=rasterio.enums.Resampling.bilinear)
            )
    with rasterio.open(
        path,
        'w',
        driver='GTiff',
        height=SIZE,
        width=SIZE,
        count=3,
        dtype='uint16',
        crs=UTM,
        transform=Affine(10, 0, CORNER[0], 0, -10, CORNER[1]),
    ) as file:
        file.write(np.stack(pixels))
    return path


def read_map(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read(1)


@pytest.fixture(scope='module')
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp('bands')
    return write_folder(root / '2019', 0), write_folder(root / '2023', 1, suffix='.jp2')


def test_some_bands_with_a_mask_where_one_of_them_has_data(tmp_path: Path) -> None:
    """Also of what is no file itself, such as the bands of a folder."""
    rows = dict(a=5, b=3)  # without data
    for name, number in rows.items():
        pixels = np.full((20, 30), 1000, np.uint16)
        pixels[:number] = 7
        write_band(tmp_path / f'{name}.tif', pixels, 10, nodata=7)
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(rasterio.open(tmp_path / f'{n}.tif')) for n in rows]
        text = stack_bands(opened, tmp_path, 'before', list(rows), 'nearest')
        both = stack.enter_context(rasterio.open(text))
        masked = stack.enter_context(rasterio.open(with_mask_band(both, [2, 1, 2])))
        np.testing.assert_array_equal(masked.read(), both.read([2, 1, 2]))
        assert masked.nodata is None
        has_data = both.read_masks().any(axis=0)
        assert not has_data[:3].any() and has_data[3:].all()
        for number in masked.indexes:
            np.testing.assert_array_equal(masked.read_masks(number) > 0, has_data)


def test_two_folders_give_the_map_of_their_stacks(folders, tmp_path: Path) -> None:
    stacks = [write_stack(tmp_path / f'{i}.tif', folder) for i, folder in enumerate(folders)]
    result = map_small(PREDICTOR, *folders, tmp_path / 'map.tif')
    expected = map_small(PREDICTOR, *stacks, tmp_path / 'expected.tif')
    assert result.report['changed_pixels'] > 1000
    for name in ('{}.tif', '{}_p.tif'):
        with (
            rasterio.open(tmp_path / name.format('map')) as one,
            rasterio.open(tmp_path / name.format('expected')) as two,
        ):
            assert np.array_equal(one.read(), two.read()) and one.transform == two.transform
    assert result.report['inputs']['before']['path'] == str(folders[0])
    assert result.report['changed_pixels'] == expected.report['changed_pixels']


def test_the_network_sees_each_band_on_the_finest_grid(folders, tmp_path: Path) -> None:
    seen = []

    def look(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles)
        return np.zeros((len(tiles), *tiles.shape[2:]), np.float32)

    settings = dict(tile_size=SIZE, overlap=0, batch_size=1)
    map_small(FunctionPredictor(look, image=SPEC), *folders, tmp_path / 'map.tif', **settings)
    (tiles,) = seen
    assert np.array_equal(tiles[0, 0], band('B04', 0)) and np.array_equal(
        tiles[0, 3], band('B04', 1)
    )
    for index, name in ((1, 'B8A'), (2, 'B01')):
        factor = METRES[name] // 10
        coarse = tiles[0, index].reshape(SIZE // factor, factor, SIZE // factor, factor)
        # Bilinear: the mean over a pixel is near its own value, and farther from its neighbour's.
        means, own = coarse.mean(axis=(1, 3)), band(name, 0).astype(float)
        off = [np.abs(means - values).mean() for values in (own, np.roll(own, 1, axis=0))]
        assert off[0] < 120 < off[1]


def test_numbers_of_bands_in_files_do_not_count_in_folders(tmp_path: Path) -> None:
    """The scene's network sees the bands of ``read_pair_image``, as in training."""
    for name, value in dict(B02=100, B03=200, B04=300).items():
        write_band(tmp_path / f'{name}.tif', np.full((40, 40), value, np.uint16), 10)
    image = ImageSpec(dtype='uint16', value_range=(0, 4000), file_bands=(3, 2, 1))
    with open_pair(str(tmp_path), str(tmp_path), SceneSettings(), image) as pair:
        pixels, _ = pair.before.read(0, 40)
    assert pixels[:, 0, 0].tolist() == [300, 200, 100]
    np.testing.assert_array_equal(pixels.transpose(1, 2, 0), read_pair_image(tmp_path, image))


def test_an_unpacked_product_is_an_image(tmp_path: Path, caplog) -> None:
    before = write_product(tmp_path / 'S2A_2019.SAFE', 0)
    after = write_product(tmp_path / 'S2B_2023.SAFE', 1, offset=-1000)
    with caplog.at_level(logging.WARNING):
        result = map_small(PREDICTOR, before, after, tmp_path / 'map.tif')
    assert 'The after image is a product of Sentinel-2 of processing baseline 04.00' in caplog.text
    assert result.report['settings']['offset_after'] == -1000
    plain = [write_folder(tmp_path / str(seed), seed) for seed in (0, 1)]
    map_small(PREDICTOR, *plain, tmp_path / 'expected.tif')
    with (
        rasterio.open(tmp_path / 'map.tif') as one,
        rasterio.open(tmp_path / 'expected.tif') as two,
    ):
        found, expected = one.read(1), two.read(1)
    assert (found[:3] == 255).all()  # where all bands of the product are 0
    assert np.array_equal(found[30:], expected[30:])


def test_the_images_of_a_product_are_still_of_it(tmp_path: Path) -> None:
    """Its offset and its no data hold where its innermost folder is named."""
    products = (
        write_product(tmp_path / 'S2A_2019.SAFE', 0),
        write_product(tmp_path / 'S2B_2023.SAFE', 1, offset=-1000),
    )
    granules = [next((path / 'GRANULE').iterdir()) for path in products]
    whole = map_small(PREDICTOR, *products, tmp_path / 'whole.tif')
    inner = map_small(PREDICTOR, *(g / 'IMG_DATA' for g in granules), tmp_path / 'inner.tif')
    assert inner.report['settings']['offset_after'] == -1000
    with rasterio.open(whole.outputs.mask) as one, rasterio.open(inner.outputs.mask) as two:
        assert np.array_equal(one.read(1), two.read(1))


@pytest.mark.parametrize('offset', [-900, 0])
def test_an_offset_of_the_user_s_own_is_kept(tmp_path: Path, caplog, offset: int) -> None:
    before = write_product(tmp_path / 'a.SAFE', 0)
    after = write_product(tmp_path / 'b.SAFE', 1, offset=-1000)
    result = map_small(PREDICTOR, before, after, tmp_path / 'map.tif', offset_after=offset)
    assert result.report['settings']['offset_after'] == offset
    assert 'processing baseline 04.00 or later' not in caplog.text


@pytest.mark.parametrize(
    ('name', 'text', 'offset'),
    [
        ('MTD_MSIL1C.xml', '<a><RADIO_ADD_OFFSET>-1000</RADIO_ADD_OFFSET></a>', -1000),
        ('MTD_MSIL1C.xml', '<a/>', 0),
        (
            'MTD_MSIL2A.xml',
            '<a><BOA_ADD_OFFSET>-1000</BOA_ADD_OFFSET><BOA_ADD_OFFSET>0</BOA_ADD_OFFSET></a>',
            None,
        ),
        ('MTD_MSIL2A.xml', '<a>', None),
        ('other.xml', '<a/>', None),
    ],
)
def test_the_offset_that_a_product_states(tmp_path: Path, name, text, offset) -> None:
    (tmp_path / name).write_text(text)
    assert product_offset(tmp_path) == offset


def test_folders_that_are_no_image(folders, tmp_path: Path) -> None:
    def message(before: Path, after: Path, **settings) -> str:
        with pytest.raises(SceneError) as caught:
            map_small(PREDICTOR, before, after, tmp_path / 'map.tif', **settings)
        return str(caught.value)

    (tmp_path / 'empty').mkdir()
    assert re.search(
        r'The after image cannot be opened\. The folder .*empty holds no bands of Sentinel-2: '
        r'expected files such as B04\.tif',
        message(folders[0], tmp_path / 'empty'),
    )
    lacking = write_folder(tmp_path / 'lacking', 0)
    (lacking / 'T31UDQ_2019_B8A.tif').unlink()
    assert re.search(
        r'The before image cannot be opened\. .* has no file for the band nir08, which the model '
        r'takes; it has B01 \(coastal\), B02 \(blue\), B04 \(red\)',
        message(lacking, folders[1]),
    )
    said = message(*folders, bands=(3, 2, 1))
    assert re.search('--bands counts the bands of a file, but .*2019 is a folder', said)
    assert 'names of what the model takes: red, nir08, coastal' in said


@pytest.mark.parametrize(
    ('profile', 'said'),
    [
        (dict(crs=CRS.from_epsg(32632)), r'B8A\.tif is in EPSG:32632, .*B04\.tif in EPSG:32631'),
        (dict(transform=Affine(20, 0, 600000, 0, -20, 5200000)), r'B8A\.tif covers another area'),
        (dict(count=2), r'B8A\.tif holds 2 bands, not one'),
        (dict(dtype='complex64'), r'B8A\.tif holds complex64 values'),
    ],
)
def test_files_that_do_not_form_one_image(folders, tmp_path: Path, profile, said) -> None:
    odd = write_folder(tmp_path / 'odd', 1)
    write_band(odd / 'T31UDQ_2019_B8A.tif', band('B8A', 1), 20, **profile)
    with pytest.raises(SceneError, match=f'files of the after image .*odd do not form[^$]*{said}'):
        map_small(PREDICTOR, folders[0], odd, tmp_path / 'map.tif')


def test_a_type_that_the_model_does_not_take_is_told_of_the_folder(folders, tmp_path: Path) -> None:
    eight = FunctionPredictor(
        FirstDifference(), image=ImageSpec(bands=('red', 'nir08', 'coastal'), dtype='uint8')
    )
    with pytest.raises(SceneError, match=r'The before image \S*2019 holds uint16 values; the'):
        map_small(eight, *folders, tmp_path / 'map.tif')


def test_a_band_that_was_altered_is_found_on_resuming(tmp_path: Path) -> None:
    copies = [write_folder(tmp_path / str(seed), seed) for seed in (0, 1)]
    first = map_small(PREDICTOR, *copies, tmp_path / 'map.tif').report
    assert map_small(PREDICTOR, *copies, tmp_path / 'map.tif', resume=True).report == first
    altered = band('B04', 1)
    altered[120:, 120:] += 1500
    write_band(copies[1] / 'T31UDQ_2019_B04.tif', altered, 10)
    anew = map_small(PREDICTOR, *copies, tmp_path / 'map.tif', resume=True).report
    assert anew['pixels'] != first['pixels']


def test_a_product_of_several_granules_is_told_to_name_one(tmp_path: Path) -> None:
    for name in ('A', 'B'):
        (tmp_path / 's.SAFE' / 'GRANULE' / name / 'IMG_DATA').mkdir(parents=True)
    with pytest.raises(SceneError, match=r'expected to hold one granule, but holds A, B\. Name'):
        map_small(PREDICTOR, tmp_path / 's.SAFE', tmp_path / 's.SAFE', tmp_path / 'map.tif')
