from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mmcd.errors import ConfigError, DatasetError
from mmcd.io.images import read_pair_image
from mmcd.synthetic.folder import SampleSettings, missing_files, prepare_folder, write_pairs
from mmcd.synthetic.multispectral import SENSORS, sense

LEAF, ROOF = (40, 120, 40), (150, 90, 80)


def see(colour: tuple[int, int, int], sensor: str) -> dict[str, float]:
    ground = np.full((16, 16, 3), colour, np.uint8)
    spec = SENSORS[sensor]
    pixels = sense(ground, spec, np.random.default_rng(0))
    assert pixels.shape == (16, 16, spec.num_bands) and pixels.dtype == spec.dtype
    return dict(zip(spec.bands, pixels.mean(axis=(0, 1)).tolist(), strict=True))


@pytest.mark.parametrize('sensor', ['rgbn', 'sentinel2'])
def test_leaves_are_bright_in_near_infrared_and_roofs_are_not(sensor: str) -> None:
    leaf, roof = see(LEAF, sensor), see(ROOF, sensor)
    assert leaf['nir'] > 3 * leaf['red'] and roof['nir'] < 1.5 * roof['red']
    assert roof['red'] == pytest.approx(150 / 255 * 4500, rel=0.02)


def test_all_bands_differ() -> None:
    assert len({round(value) for value in see(LEAF, 'sentinel2').values()}) == 13


def test_rgb_is_the_drawn_image() -> None:
    drawn = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert sense(drawn, SENSORS['rgb'], np.random.default_rng(0)) is drawn


def test_a_folder_of_sentinel_2_pairs(tmp_path: Path) -> None:
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    settings = SampleSettings({'train': 1}, size=32, sensor='sentinel2')
    prepare_folder(tmp_path, settings)
    assert list(write_pairs(tmp_path, settings, 1)) == [(1, 1)]
    image = read_pair_image(tmp_path / 'train' / 'A' / 'train_0000.tif', SENSORS['sentinel2'])
    assert image.shape == (32, 32, 13)
    path = tmp_path / 'train' / 'B' / 'train_0000.tif'
    content = path.read_bytes()
    path.unlink()
    assert list(missing_files(tmp_path, settings, 'train', 0)) == ['B']
    assert list(write_pairs(tmp_path, settings, 1)) == [(1, 1)] and path.read_bytes() == content
    with pytest.raises(DatasetError, match='holds pairs with sensor sentinel2, but sensor rgb was'):
        prepare_folder(tmp_path, SampleSettings({'train': 1}, size=32))


def test_an_unknown_sensor() -> None:
    with pytest.raises(ConfigError, match="out of rgb, rgbn, sentinel2, but got 'sar'"):
        SampleSettings({'train': 1}, sensor='sar')
