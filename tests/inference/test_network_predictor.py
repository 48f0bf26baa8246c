from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import torch

from mmcd.errors import ConfigError, ImagePairError
from mmcd.inference import make_predictor, network_predictor, release_predictors
from mmcd.io.checkpoints import weights_sha256
from tests.export.models import tiny_model
from tests.inference.random_models import (
    network_logits,
    random_model,
    random_pairs,
    relative,
    trained_logits,
)


@pytest.fixture
def model() -> torch.nn.Module:
    return random_model('darnet_sample.py')


def test_its_network_is_made_once(model: torch.nn.Module) -> None:
    network = make_predictor(model).network
    assert make_predictor(model, precision='float32').network is network
    half = make_predictor(model, precision='bfloat16').network
    assert half is not network
    assert make_predictor(model, precision='bfloat16').network is half
    assert make_predictor(model, precision='bfloat16', optimize=False).network is not half


def test_it_has_the_threshold_of_the_model_at_each_call(model: torch.nn.Module) -> None:
    predictor = make_predictor(model)
    predictor.threshold = 0.05
    assert make_predictor(model).threshold == 0.5
    model.threshold = 0.65
    other = make_predictor(model)
    assert (other.threshold, other.threshold_origin) == (0.65, 'model')
    assert other.network is predictor.network and predictor.threshold == 0.05


def test_it_is_made_again_where_the_weights_have_changed(model: torch.nn.Module) -> None:
    pairs = random_pairs(1, 32, 32)
    first = make_predictor(model)
    model.load_state_dict(random_model('darnet_sample.py', seed=1).state_dict())
    second = make_predictor(model)
    assert second.network is not first.network
    given = network_logits(second.network, model, pairs)
    assert relative(given, trained_logits(model, pairs)) < 1e-5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()(pairs, mode='tensor')[-1].mean().backward()
    optimizer.step()
    third = make_predictor(model)
    assert third.network is not second.network
    given = network_logits(third.network, model, pairs)
    assert relative(given, trained_logits(model.eval(), pairs)) < 1e-5


def _halve(weight: torch.Tensor) -> None:
    weight.data.mul_(0.5)


def _flip_sign(weight: torch.Tensor) -> None:
    weight.data.neg_()


def _reorder(weight: torch.Tensor) -> None:
    weight.data.copy_(weight.flip(0))


def _write_with_numpy(weight: torch.Tensor) -> None:
    weight.detach().numpy().flat[0] += 1e-3


@pytest.mark.parametrize('write', [_halve, _flip_sign, _reorder, _write_with_numpy])
def test_it_sees_writes_that_pytorch_does_not_count(model: torch.nn.Module, write) -> None:
    """As those of MMEngine's EMAHook, which swaps weights through ``.data``."""
    before = make_predictor(model).describe()['weights_sha256']
    weight = model.backbone.levels[0][0].conv.weight
    version = weight._version
    write(weight)
    assert weight._version == version
    after = make_predictor(model)
    assert after.describe()['weights_sha256'] == weights_sha256(model) != before
    pairs = random_pairs(1, 32, 32)
    given = network_logits(after.network, model, pairs)
    assert relative(given, trained_logits(model, pairs)) < 1e-5


def test_it_sees_writes_to_tensors_of_inference_mode() -> None:
    with torch.inference_mode():
        model = random_model('darnet_sample.py')
        before = make_predictor(model)
        model.backbone.levels[0][0].conv.weight.mul_(0.5)
        after = make_predictor(model)
    assert after.describe()['weights_sha256'] != before.describe()['weights_sha256']


@pytest.mark.parametrize('optimize', [True, False])
def test_it_goes_with_the_model(optimize: bool) -> None:
    model = random_model('darnet_sample.py')
    network = weakref.ref(make_predictor(model, optimize=optimize).network)
    del model
    gc.collect()
    assert network() is None


def test_its_copy_of_the_weights_can_be_given_up(model: torch.nn.Module) -> None:
    network = weakref.ref(make_predictor(model).network)
    assert network() is make_predictor(model).network
    release_predictors(model)
    gc.collect()
    assert network() is None


def test_its_copy_stays_where_it_is_when_the_model_is_moved(model: torch.nn.Module) -> None:
    model.data_preprocessor.pair_mean = torch.full((3,), 120.0)
    model.data_preprocessor.pair_std = torch.full((3,), 60.0)
    predictor = make_predictor(model)
    pairs = torch.randint(0, 256, (1, 6, 32, 32), dtype=torch.uint8)
    before = predictor.predict_scores(pairs)

    model.to('meta')  # another device, which all machines have

    torch.testing.assert_close(predictor.predict_scores(pairs), before, rtol=0, atol=0)


def test_as_trained_it_has_no_copy(model: torch.nn.Module) -> None:
    predictor = make_predictor(model, optimize=False)
    ours = {id(parameter) for parameter in model.parameters()}
    assert {id(parameter) for parameter in predictor.network.parameters()} == ours
    assert predictor.describe()['form'] == 'as trained'
    assert make_predictor(model).describe()['form'] == 'restructured'


def test_a_predictor_is_its_own(model: torch.nn.Module) -> None:
    predictor = make_predictor(model, precision='bfloat16')
    assert make_predictor(predictor) is predictor
    assert make_predictor(predictor, precision='bfloat16') is predictor
    for asked in (dict(precision='float32'), dict(compile=True), dict(optimize=False)):
        with pytest.raises(ConfigError, match='The predictor was made for bfloat16'):
            make_predictor(predictor, **asked)


@pytest.mark.parametrize('optimize', [True, False])
@pytest.mark.parametrize('size', [(16, 16), (5, 33)])
def test_scores_sum_to_one_at_any_size(model, size: tuple[int, int], optimize: bool) -> None:
    predictor = make_predictor(model, optimize=optimize)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 6, *size), dtype=np.uint8)
    scores = predictor.predict(tiles)
    assert scores.shape == (2, 2, *size) and scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
    assert predictor.size_divisor == 16


@pytest.mark.parametrize('settings', [{}, dict(optimize=False), dict(precision='bfloat16')])
@pytest.mark.parametrize('config', ['darnet_sample.py', 'prx_sample_cross.py'])
def test_autocast_leaves_the_precision_as_it_is(config: str, settings: dict) -> None:
    """Neither where the network is made, nor where it runs."""
    model = random_model(config)
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 32, 32), dtype=np.uint8)
    expected = make_predictor(model, **settings).predict(tiles)
    release_predictors(model)
    with torch.autocast('cpu', torch.bfloat16):
        given = make_predictor(model, **settings).predict(tiles)
    np.testing.assert_array_equal(given, expected)


def test_tiles_that_do_not_fit(model: torch.nn.Module) -> None:
    predictor = make_predictor(model)
    for tiles in (np.zeros((1, 8, 16, 16), np.uint8), np.zeros((6, 16, 16), np.uint8)):
        with pytest.raises(ImagePairError, match=r'\(N, 6, H, W\) of uint8'):
            predictor.predict(tiles)
    with pytest.raises(ImagePairError, match='of uint16'):
        predictor.predict(np.zeros((1, 6, 16, 16), np.uint16))


def test_one_channel_becomes_two_scores() -> None:
    predictor = make_predictor(tiny_model(classes=1))
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 16, 16), dtype=np.uint8)
    logits = predictor.predict_logits(torch.from_numpy(tiles))
    assert logits.shape == (1, 1, 16, 16)
    expected = logits.sigmoid()[:, 0].numpy()
    np.testing.assert_allclose(predictor.predict(tiles)[:, 1], expected, atol=1e-6)


def test_a_call_as_trained_does_not_hash_the_weights(monkeypatch) -> None:
    """It is made anew at each call, and only whoever asks what it is wants the hash."""
    model = random_model('darnet_sample.py')
    pairs = 50 * random_pairs(1, 32, 32) + 100
    expected = make_predictor(model, optimize=False).describe()['weights_sha256']
    hashed = []
    monkeypatch.setattr(
        network_predictor, 'weights_sha256', lambda model: hashed.append(1) or expected
    )
    predictor = make_predictor(model, optimize=False)
    predictor.predict_tensor(pairs)
    assert hashed == []
    assert predictor.describe()['weights_sha256'] == expected and hashed == [1]


def test_tiles_of_images_that_are_standardised() -> None:
    """Raw ones would get an answer, and a wrong one."""
    predictor = make_predictor(tiny_model(dtype='uint16', standardize=True))
    standardised = np.random.default_rng(0).normal(size=(1, 6, 16, 16)).astype(np.float32)
    expected = predictor.predict_scores(torch.from_numpy(standardised)).numpy()
    np.testing.assert_array_equal(predictor.predict(standardised), expected)
    with pytest.raises(ImagePairError, match=r'of float32 \(standardised values\), .* of uint16\.'):
        predictor.predict(np.zeros((1, 6, 16, 16), np.uint16))


def test_tiles_may_be_views(model: torch.nn.Module) -> None:
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 16, 16), dtype=np.uint8)
    predictor = make_predictor(model)
    flipped = tiles[..., ::-1]
    np.testing.assert_array_equal(predictor.predict(flipped), predictor.predict(flipped.copy()))


def test_a_predictor_averages_over_what_it_was_made_for(model: torch.nn.Module) -> None:
    predictor = make_predictor(model, tta=True)
    assert make_predictor(predictor, tta='flips') is predictor
    with pytest.raises(ConfigError, match="averages over flips; tta='d4' cannot be asked of it"):
        make_predictor(predictor, tta='d4')
