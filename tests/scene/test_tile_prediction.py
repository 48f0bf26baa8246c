from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mmcd.apis import init_model, predict_pair
from mmcd.errors import SceneError, SceneStoppedError
from mmcd.inference import optimize_for_inference
from mmcd.scene.tile_prediction import HalvingBatches, ModelPredictor, describe_predictor
from tests.engine.tiny_run import tiny_config
from tests.scene.rasters import difference, draw_ground, first_band

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
SLIM = {
    'model.backbone.base_channels': 2,
    'model.decode_head.in_channels': [4, 8, 16, 32, 64],
    'model.decode_head.channels': 4,
    'model.test_cfg.mode': 'whole',
}


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    torch.manual_seed(0)
    return init_model(CONFIGS / 'darnet_sample.py', cfg_options=SLIM)


def stack(*pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.stack([np.concatenate(pair) for pair in pairs])


def pairs_of_ground(size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(draw_ground(size, size, seed), draw_ground(size, size, seed + 9)) for seed in range(2)]


def as_image(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


@pytest.mark.parametrize('size', [64, 50])
def test_tiles_are_predicted_as_predict_pair_does(model: torch.nn.Module, size: int) -> None:
    """Also where the size is no multiple of what the network needs."""
    pairs = pairs_of_ground(size)
    probability = ModelPredictor(model)(stack(*pairs))
    assert probability.dtype == np.float32 and probability.shape == (2, size, size)
    for pair, ours in zip(pairs, probability, strict=True):
        theirs = predict_pair(model, *map(as_image, pair)).probability
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_a_head_of_one_channel(model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    logits = torch.tensor([-1.0, 0.0, 2.0]).reshape(1, 1, 1, 3)
    fast = optimize_for_inference(model)
    monkeypatch.setattr(fast, 'encode_decode', lambda inputs, metas: logits)
    probability = ModelPredictor(fast)(np.zeros((1, 6, 1, 3), np.uint8))
    np.testing.assert_allclose(probability[0, 0], [0.2689, 0.5, 0.8808], atol=1e-4)


def test_the_description_changes_with_the_weights_and_the_config(tmp_path: Path) -> None:
    descriptions = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        config = tiny_config(tmp_path, tmp_path)
        descriptions.append(describe_predictor(ModelPredictor(init_model(config))))
    other = tiny_config(tmp_path, tmp_path, model__data_preprocessor__bgr_to_rgb=False)
    torch.manual_seed(0)
    other_config = describe_predictor(ModelPredictor(init_model(other)))
    assert descriptions[0] == descriptions[1]
    assert descriptions[0]['weights_sha256'] != descriptions[2]['weights_sha256']
    assert descriptions[0]['weights_sha256'] == other_config['weights_sha256']
    assert descriptions[0]['config_sha256'] != other_config['config_sha256']
    assert descriptions[0]['device'] == 'cpu'


class Cramped:
    """A device that holds so many tiles."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.batches: list[int] = []

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        if len(tiles) > self.room:
            raise torch.cuda.OutOfMemoryError('CUDA out of memory.')
        self.batches.append(len(tiles))
        return first_band(tiles)


def test_a_batch_too_large_is_halved_and_said(caplog: pytest.LogCaptureFixture) -> None:
    tiles = stack(*pairs_of_ground(32), *pairs_of_ground(32), *pairs_of_ground(32))
    device = Cramped(2)
    predict = HalvingBatches(device, 6)
    np.testing.assert_array_equal(predict(tiles), first_band(tiles))
    assert device.batches == [2, 2, 2]
    assert predict.batch_size == 2
    assert caplog.messages == [
        'The device has not enough memory for a batch of 6 tiles: going on with 3.',
        'The device has not enough memory for a batch of 3 tiles: going on with 2.',
    ]


def test_a_tile_too_large_is_an_error() -> None:
    with pytest.raises(SceneStoppedError, match='single tile of 32 x 32: use smaller'):
        HalvingBatches(Cramped(0), 4)(stack(*pairs_of_ground(32)))


def test_another_number_of_bands_is_an_error(model: torch.nn.Module) -> None:
    tiles = np.zeros((1, 8, 32, 32), np.uint8)
    with pytest.raises(SceneError, match='does not take 4 bands a date'):
        HalvingBatches(ModelPredictor(model), 4)(tiles)


def test_another_shape_is_an_error() -> None:
    with pytest.raises(SceneError, match=r'Expected .* \(2, 32, 32\), but the model gave'):
        HalvingBatches(lambda tiles: difference(tiles)[:, None], 4)(stack(*pairs_of_ground(32)))
