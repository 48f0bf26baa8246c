from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcd.errors import ExportMemoryError, SceneStoppedError
from mmcd.inference import FunctionPredictor
from mmcd.scene.prediction import OOMSafeBatches
from tests.scene.rasters import draw_ground, first_band


def stack(*pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    return np.stack([np.concatenate(pair) for pair in pairs])


def pairs_of_ground(size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [(draw_ground(size, size, seed), draw_ground(size, size, seed + 9)) for seed in range(2)]


class Cramped:
    """A device that holds so many tiles, and raises what a runtime does for more."""

    def __init__(self, room: int, error: type[Exception] = torch.cuda.OutOfMemoryError) -> None:
        self.room = room
        self.error = error
        self.batches: list[int] = []

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        if len(tiles) > self.room:
            raise self.error('CUDA out of memory.')
        self.batches.append(len(tiles))
        return first_band(tiles)


@pytest.mark.parametrize('error', [torch.cuda.OutOfMemoryError, ExportMemoryError])
def test_a_batch_too_large_is_halved_and_said(
    caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    tiles = stack(*pairs_of_ground(32), *pairs_of_ground(32), *pairs_of_ground(32))
    device = Cramped(2, error)
    predict = OOMSafeBatches(FunctionPredictor(device), 6)
    np.testing.assert_array_equal(predict(tiles)[:, 0], first_band(tiles))
    assert device.batches == [2, 2, 2]
    assert predict.batch_size == 2
    assert caplog.messages == [
        'The device has too little memory for a batch of 6 tiles: going on with 3.',
        'The device has too little memory for a batch of 3 tiles: going on with 2.',
    ]


def test_a_tile_too_large_is_an_error() -> None:
    with pytest.raises(SceneStoppedError, match='single tile of 32 x 32: use smaller'):
        OOMSafeBatches(FunctionPredictor(Cramped(0)), 4)(stack(*pairs_of_ground(32)))
