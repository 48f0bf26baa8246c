from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from mmseg.models.data_preprocessor import SegDataPreProcessor

from mmcd.errors import ExportError
from mmcd.export.pair_program import bands_of, exportable_network, pair_program
from mmcd.export.parity import reference
from mmcd.inference import optimize_for_inference
from mmcd.inference.export_metadata import DEEPNESS, SEPARATE, STACKED
from mmcd.models.siamese_encoder_decoder import SiameseEncoderDecoder
from tests.export.models import slim_model, tiny_model


@pytest.mark.parametrize('bands', [1, 3, 4])
@pytest.mark.parametrize('bgr_to_rgb', [None, True, False])
@pytest.mark.parametrize('classes', [1, 2])
def test_bands_and_normalisation_are_those_of_the_trained_model(
    bands: int, bgr_to_rgb: bool | None, classes: int
) -> None:
    model = tiny_model(bands=bands, bgr_to_rgb=bgr_to_rgb, classes=classes)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 2 * bands, 16, 24), dtype=np.uint8)
    expected = reference(model, tiles)['probability']
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
    np.testing.assert_allclose(found, reference(model, tiles)['probability'], atol=1e-5)


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


def test_bands_of_one_date() -> None:
    assert bands_of(tiny_model(bands=4)) == 4
    at_once = tiny_model(bands=6)
    # As in models that pass both dates through the encoder at once.
    at_once.__class__ = SiameseEncoderDecoder.__mro__[1]
    assert bands_of(at_once) == 3


def test_models_that_can_not_be_exported() -> None:
    with pytest.raises(ExportError, match=r'Only a trained segmentor.* but not Conv2d'):
        bands_of(torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(ExportError, match=r'Only a trained segmentor.* not OptimizedSegmentor'):
        bands_of(optimize_for_inference(tiny_model()))
    model = tiny_model()
    model.backbone.in_channels = model.backbone.levels = torch.nn.Identity()
    with pytest.raises(ExportError, match='UNetEncoder takes is not known'):
        bands_of(model)
    model.data_preprocessor = SegDataPreProcessor(size=(8, 8))
    with pytest.raises(ExportError, match='the model has SegDataPreProcessor'):
        bands_of(model)
    model = tiny_model()
    model.data_preprocessor.pair_mean = torch.zeros(4)
    with pytest.raises(ExportError, match=r'3 bands a date, but `mean` .* has 4 values'):
        pair_program(model, STACKED)
