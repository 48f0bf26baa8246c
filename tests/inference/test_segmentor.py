"""A predictor as a segmentor: its windows go through the network in batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcd.inference import FunctionPredictor
from mmcd.inference import segmentor as module
from mmcd.inference.segmentor import PredictorSegmentor

WINDOWS = dict(mode='slide', crop_size=(32, 32), stride=(24, 24))


def run(pairs: torch.Tensor) -> tuple[torch.Tensor, list[tuple[int, ...]]]:
    """The scores of a network whose answer depends on the window, and what it was given."""
    shapes = []

    def network(tiles: np.ndarray) -> np.ndarray:
        shapes.append(tiles.shape)
        mean = tiles.mean((1, 2, 3), keepdims=True) / 255
        return (0.5 * mean + 0.5 * tiles[:, :1] / 255)[:, 0].astype(np.float32)

    return PredictorSegmentor(FunctionPredictor(network), WINDOWS)(pairs, mode='tensor'), shapes


@pytest.mark.parametrize('number', [1, 2])
def test_batches_of_windows_give_what_single_ones_do(monkeypatch, number: int) -> None:
    pairs = torch.randint(0, 256, (number, 6, 80, 56), dtype=torch.uint8)
    together, shapes = run(pairs)
    assert shapes == [(number * 6, 6, 32, 32)]  # three rows of two windows
    monkeypatch.setattr(module, 'PIXELS_AT_ONCE', 4 * number * 32 * 32)
    some, shapes = run(pairs)
    assert [shape[0] for shape in shapes] == [4 * number, 2 * number]
    monkeypatch.setattr(module, 'PIXELS_AT_ONCE', 1)
    single, shapes = run(pairs)
    assert [shape[0] for shape in shapes] == [number] * 6
    assert torch.equal(together, single) and torch.equal(some, single)


def test_images_smaller_than_a_window() -> None:
    _, shapes = run(torch.zeros(3, 6, 20, 60, dtype=torch.uint8))
    assert shapes == [(9, 6, 20, 32)]
