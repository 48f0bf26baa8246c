"""Scores that are none: an error that names the pair or the tile, at every door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmseg.structures import SegDataSample

from mmcd.errors import ExportError, PredictionError
from mmcd.inference import FunctionPredictor, make_predictor
from mmcd.inference.pair import predict_pair
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.structures import ImageSpec
from tests.export.models import tiny_model
from tests.exporting import skip_without_exporter

WRONG = {'NaN': float('nan'), 'Inf': float('inf'), 'a logit': 5.5, 'below zero': -0.5}
HALF = (2, 6, 32, 40)


def wrong_in(index: int, value: float) -> Callable[[np.ndarray], np.ndarray]:
    """A network with one wrong score, for one tile of the batch."""

    def network(tiles: np.ndarray) -> np.ndarray:
        scores = np.full((len(tiles), *tiles.shape[2:]), 0.25, np.float32)
        scores[min(index, len(tiles) - 1), 3, 4] = value
        return scores

    return network


def broken_model() -> torch.nn.Module:
    """A trained network of which one weight is no number."""
    model = tiny_model()
    with torch.no_grad():
        next(model.parameters())[0, 0, 0, 0] = float('nan')
    return model


def random_pair(height: int = 32, width: int = 40) -> list[np.ndarray]:
    return list(np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize('value', WRONG.values(), ids=WRONG)
def test_one_wrong_score_is_an_error(value: float) -> None:
    predictor = FunctionPredictor(wrong_in(1, value))
    with pytest.raises(PredictionError, match=r'where probabilities from 0 to 1') as caught:
        predictor.predict(np.zeros(HALF, np.uint8))
    assert caught.value.index == 1


def test_rounding_is_none() -> None:
    FunctionPredictor(wrong_in(0, 1.004)).predict(np.zeros(HALF, np.uint8))


def test_the_weights_are_named() -> None:
    with pytest.raises(PredictionError, match=r'1 of its \d+ weight tensors .* such as .*weight'):
        make_predictor(broken_model(), optimize=False).predict(np.zeros(HALF, np.uint8))


def test_the_images_are_named_where_they_are_none() -> None:
    image = ImageSpec.from_config(dict(bands=['red'], dtype='float32', value_range=(0, 1)))
    tiles = np.full((1, 2, 8, 8), np.nan, np.float32)
    predictor = FunctionPredictor(lambda tiles: tiles[:, 0], image=image)
    with pytest.raises(PredictionError, match='The images hold NaN'):
        predictor.predict(tiles)


def test_float16_is_named() -> None:
    predictor = FunctionPredictor(wrong_in(0, float('inf')))
    predictor.precision = 'float16'
    with pytest.raises(PredictionError, match='overflow in float16: use float32'):
        predictor.predict(np.zeros(HALF, np.uint8))


@pytest.mark.parametrize('tta', [False, True])
def test_predict_pair_names_the_pair(tta: bool) -> None:
    with pytest.raises(PredictionError, match='<before array> and <after array>: the network gave'):
        predict_pair(broken_model(), *random_pair(), tta=tta)


@pytest.mark.parametrize('mode', ['whole', 'slide'])
def test_testing_names_the_pair(mode: str) -> None:
    """As ``tools/test.py`` runs it, with and without windows."""
    samples = [
        SegDataSample(metainfo=dict(before_path=f'A/{name}.png', after_path=f'B/{name}.png'))
        for name in ('one', 'two')
    ]
    segmentor = PredictorSegmentor(
        FunctionPredictor(wrong_in(9, float('nan'))),  # of twelve windows the tenth
        dict(mode=mode, crop_size=(16, 16), stride=(16, 16)),
    )
    with pytest.raises(PredictionError, match=r'A/two\.png and B/two\.png: the network gave nan'):
        segmentor.predict(torch.zeros(HALF), samples)


@pytest.mark.parametrize('probability', [True, False])
def test_a_scene_names_the_tile(tmp_path: Path, probability: bool) -> None:
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    from tests.scene.mapping import map_small
    from tests.scene.rasters import draw_ground, write_raster

    files = [write_raster(tmp_path / f'{n}.tif', draw_ground(64, 150, n)) for n in range(2)]
    # Three tiles of 64 x 64 in one batch: the last begins at column 86 or a multiple of 32 above.
    with pytest.raises(PredictionError, match='tile of rows 0 to 64, columns 96 to 150: the net'):
        map_small(
            wrong_in(9, float('nan')),
            *files,
            tmp_path / 'map.tif',
            with_probability=probability,
            batch_size=8,
        )
    assert not (tmp_path / 'map.tif').exists()


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_exported_files_are_no_exception(tmp_path: Path, runtime: str) -> None:
    skip_without_exporter()
    pytest.importorskip(runtime, reason=f'{runtime} is not installed')
    import onnx

    from mmcd.export import export_onnx
    from mmcd.inference.exported import ExportedPredictor

    export_onnx(tiny_model(), tmp_path / 'whole.onnx')
    model = onnx.load(tmp_path / 'whole.onnx')
    weights = max(model.graph.initializer, key=lambda each: len(each.raw_data))
    values = np.frombuffer(weights.raw_data, np.float32).copy()
    values[:] = np.nan
    weights.raw_data = values.tobytes()
    onnx.save(model, tmp_path / 'broken.onnx')
    tiles = np.zeros((1, 6, 64, 64), np.uint8)
    with pytest.raises((PredictionError, ExportError), match=r'gave nan for [\d,]+ of|are NaN'):
        ExportedPredictor(tmp_path / 'broken.onnx', runtime=runtime).predict(tiles)


def changed_by(answer: Callable[[np.ndarray], Any]) -> np.ndarray:
    """The probability of change for two pairs of tiles."""
    tiles = np.full((2, 6, 4, 5), 51, np.uint8)
    return FunctionPredictor(answer).predict(tiles)[:, 1]


@pytest.mark.parametrize(
    ('answer', 'came'),
    [
        (lambda tiles: tiles[:, :1] / np.float32(255), r'\(2, 1, 4, 5\) of float32'),
        (lambda tiles: tiles[:1, 0] / np.float32(255), r'\(1, 4, 5\) of float32'),
        (lambda tiles: tiles[:, 0, :-1] / np.float32(255), r'\(2, 3, 5\) of float32'),
        (lambda tiles: tiles[:, 0] > 30, r'\(2, 4, 5\) of bool'),
        (lambda tiles: tiles[:, 0], r'\(2, 4, 5\) of uint8'),
        (lambda tiles: torch.from_numpy(tiles[:, 0] > 30), r'\(2, 4, 5\) of torch\.bool'),
        (lambda tiles: None, r'\(\) of object'),
    ],
)
def test_a_function_of_another_answer(answer: Callable, came: str) -> None:
    expected = r'for 2 pairs .*: \(N, H, W\), here \(2, 4, 5\), of float32'
    with pytest.raises(PredictionError, match=f'The function gave {came} {expected}'):
        changed_by(answer)


@pytest.mark.parametrize('dtype', ['float16', 'float32', 'float64', 'tensor', 'flipped'])
def test_probabilities_of_a_function_are_taken_in_all_forms(dtype: str) -> None:
    def answer(tiles: np.ndarray) -> Any:
        if dtype == 'tensor':
            return (torch.from_numpy(tiles[:, 0]) / 255).requires_grad_()
        if dtype == 'flipped':
            return (tiles[:, 0] / np.float32(255))[..., ::-1]
        return (tiles[:, 0] / 255).astype(dtype)

    changed = changed_by(answer)
    assert changed.dtype == np.float32
    np.testing.assert_allclose(changed, 0.2, atol=1e-3)
