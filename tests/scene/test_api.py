"""A real model on whole scenes, against its answers for the pairs they are made of."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import rasterio
import torch
from torch import nn

from mmcd.apis import init_model, predict_pair, predict_scene
from mmcd.errors import SceneError
from tests.golden import SHARED, needs_samples
from tests.scene.rasters import LEFT, TOP, draw_ground, read_raster, utm, write_raster

CONFIG = Path(__file__).resolve().parents[2] / 'configs' / 'darnet_sample.py'
SLIM = {
    'model.backbone.base_channels': 2,
    'model.decode_head.in_channels': [4, 8, 16, 32, 64],
    'model.decode_head.channels': 4,
    'model.test_cfg.mode': 'whole',
}
LEVIR = SHARED / 'data' / 'LEVIR-CD' / 'test'
TILE = 128


@pytest.fixture(scope='module')
def model() -> nn.Module:
    torch.manual_seed(0)
    return init_model(CONFIG, cfg_options=SLIM)


def test_a_scene_of_one_tile_is_a_pair(model: nn.Module, tmp_path: Path) -> None:
    before, after = draw_ground(90, 70), draw_ground(90, 70, seed=1)
    paths = [
        write_raster(tmp_path / 'before.tif', before, utm()),
        write_raster(tmp_path / 'after.tif', after, utm()),
    ]
    probability = tmp_path / 'p.tif'
    result = predict_scene(
        model,
        *paths,
        tmp_path / 'map.tif',
        probability=probability,
        vectors=tmp_path / 'map.gpkg',
        probability_type='float32',
        threshold=0.3,
    )
    images = (np.ascontiguousarray(date.transpose(1, 2, 0)) for date in (before, after))
    expected = predict_pair(model, *images).probability
    np.testing.assert_allclose(read_raster(probability), expected, atol=1e-5)
    assert result.report['model']['type'] == 'SiameseEncoderDecoder'
    assert result.report['changed_pixels'] == (read_raster(tmp_path / 'map.tif') == 1).sum()


@needs_samples
def test_real_tiles_in_a_mosaic(model: nn.Module, tmp_path: Path) -> None:
    """Two tiles of LEVIR-CD, a made-up CRS, an after image that is larger and twice as fine.

    The windows of the scene are laid so that they fall on quarters of what is cut out of the tiles.
    """
    names = sorted(os.listdir(LEVIR / 'A'))[:2]
    mosaics = {
        date: np.concatenate(
            [read_rgb(LEVIR / date / name)[: 2 * TILE, : 2 * TILE] for name in names], axis=1
        )
        for date in 'AB'
    }
    after = np.pad(mosaics['B'], ((64, 0), (96, 32), (0, 0)), mode='reflect')
    paths = [
        write_raster(tmp_path / 'before.tif', mosaics['A'].transpose(2, 0, 1), utm()),
        write_raster(
            tmp_path / 'after.tif',
            after.transpose(2, 0, 1).repeat(2, 1).repeat(2, 2),
            utm(0.25, LEFT - 96 / 2, TOP + 64 / 2),
            tiled=True,
        ),
    ]
    predict_scene(
        model,
        *paths,
        tmp_path / 'map.tif',
        probability=tmp_path / 'p.tif',
        probability_type='float32',
        tile_size=TILE,
        overlap=0,
        resampling='nearest',
    )
    found = read_raster(tmp_path / 'p.tif')
    assert found.shape == mosaics['A'].shape[:2]
    for row in (0, TILE):
        for column in (0, 3 * TILE):
            here = np.s_[row : row + TILE, column : column + TILE]
            images = (np.ascontiguousarray(mosaics[date][here]) for date in 'AB')
            expected = predict_pair(model, *images).probability
            np.testing.assert_allclose(found[here], expected, atol=1e-5)


def read_rgb(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1]


def test_arrays_and_open_datasets_are_no_names(model: nn.Module, tmp_path: Path) -> None:
    image = write_raster(tmp_path / 'image.tif', draw_ground(8, 8), utm())
    out = tmp_path / 'map.tif'
    with rasterio.open(image) as dataset:
        with pytest.raises(SceneError, match=r'before image is a DatasetReader.* give its \.name'):
            predict_scene(model, dataset, image, out)  # type: ignore[arg-type]
        with pytest.raises(SceneError, match=r'after image is a ndarray.* there is predict_pair'):
            predict_scene(model, image, dataset.read(), out)
