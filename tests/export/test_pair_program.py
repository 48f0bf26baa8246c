from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor

from mmcd.errors import ExportError
from mmcd.export.pair_program import check_exportable, exportable_network, pair_program
from mmcd.inference import make_predictor
from mmcd.inference.export_metadata import DEEPNESS, SEPARATE, STACKED
from tests.export.models import slim_model, tiny_model


@pytest.mark.parametrize('bands', [1, 3, 4])
@pytest.mark.parametrize('classes', [1, 2, 3])
def test_bands_and_normalisation_are_those_of_the_trained_model(bands: int, classes: int) -> None:
    model = tiny_model(bands=bands, classes=classes)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 2 * bands, 16, 24), dtype=np.uint8)
    expected = make_predictor(model, optimize=False).predict(tiles)[:, 1:]
    pair = torch.from_numpy(tiles)
    with torch.no_grad():
        found = {
            STACKED: pair_program(model, STACKED)(pair),
            SEPARATE: pair_program(model, SEPARATE)(pair[:, :bands], pair[:, bands:]),
            DEEPNESS: pair_program(model, DEEPNESS)(pair / 255),
        }
    for layout, (probability, logits) in found.items():
        assert logits.shape == (2, classes, 16, 24)
        np.testing.assert_allclose(probability.numpy(), expected, atol=1e-5, err_msg=layout)


def test_a_mean_for_both_dates() -> None:
    model = tiny_model()
    for name in ('pair_mean', 'pair_std'):
        values = getattr(model.data_preprocessor, name)
        setattr(model.data_preprocessor, name, torch.cat([values, values + 7]))
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 16, 16), dtype=np.uint8)
    with torch.no_grad():
        found, _ = pair_program(model, STACKED)(torch.from_numpy(tiles))
    expected = make_predictor(model, optimize=False).predict(tiles)[:, 1:]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_value_range_is_scaled_inside() -> None:
    model = tiny_model(bands=4, dtype='uint16', value_range=(0, 10_000))
    tiles = np.random.default_rng(0).integers(0, 12_000, (1, 8, 16, 16)).astype(np.uint16)
    with torch.no_grad():
        found, _ = pair_program(model, STACKED)(torch.from_numpy(tiles.astype(np.float32)))
    expected = make_predictor(model, optimize=False).predict(tiles)[:, 1:]
    np.testing.assert_allclose(found, expected, atol=1e-5)
    clipped = np.minimum(tiles, 10_000)
    assert np.array_equal(
        make_predictor(model).predict(clipped), make_predictor(model).predict(tiles)
    )


@pytest.mark.parametrize('config', ['darnet_sample.py', 'prx_sample.py', 'prx_sample_cross.py'])
def test_the_exportable_network_gives_the_predicted_logits(config: str) -> None:
    model = slim_model(config)
    size = 2 * model.decode_head.size_divisor
    pair = torch.randn(2, 6, size, 2 * size)
    metas = [dict(img_shape=pair.shape[2:], ori_shape=pair.shape[2:])] * 2
    with torch.no_grad():
        expected = model.encode_decode(pair, metas)
        found = exportable_network(model)(pair)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_model_is_left_as_it_is() -> None:
    model = tiny_model().double().train()
    before = copy.deepcopy(model.state_dict())
    pair_program(model, STACKED)(torch.zeros(1, 6, 16, 16, dtype=torch.uint8))
    assert model.training
    for name, value in model.state_dict().items():
        assert value.dtype == before[name].dtype and torch.equal(value, before[name])


def test_models_that_can_not_be_exported() -> None:
    with pytest.raises(ExportError, match=r'Only a trained segmentor.* but not Conv2d'):
        check_exportable(torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(ExportError, match=r'Only a trained segmentor.* not NetworkPredictor'):
        check_exportable(make_predictor(tiny_model()))
    model = tiny_model()
    model.data_preprocessor = SegDataPreProcessor(size=(8, 8))
    with pytest.raises(ExportError, match='the model has SegDataPreProcessor'):
        check_exportable(model)
    model = tiny_model()
    model.data_preprocessor.pair_mean = torch.zeros(4)
    with pytest.raises(ExportError, match=r'3 bands a date, but `mean` .* has 4 values'):
        pair_program(model, STACKED)
