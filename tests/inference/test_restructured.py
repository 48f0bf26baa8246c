"""The restructured networks against the trained ones, on random sizes and weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mmseg.structures import SegDataSample
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from mmcd.errors import ConfigError
from mmcd.inference import make_predictor
from mmcd.inference.restructured import NetworkAsTrained, restructured_network, to_traceable
from mmcd.inference.restructured_darnet import RestructuredDARNet
from mmcd.inference.restructured_darnet_level import _mean_and_maximum
from mmcd.inference.restructured_prx import RestructuredPRX
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.models.scores import scores_of_sample
from tests.inference.random_models import (
    network_logits,
    random_model,
    random_pairs,
    relative,
    trained_logits,
)

CONFIGS = ['darnet_sample.py', 'prx_sample.py', 'prx_sample_cross.py']
# Multiples of the networks' divisors and others, images of one strip and of several.
SIZES = [(1, 64, 64), (3, 32, 96), (2, 50, 71), (1, 16, 33), (1, 288, 160), (2, 1, 40)]
UPER = dict(
    type='mmseg.UPerHead', in_channels=[16, 32, 64, 128, 256], in_index=[0, 1, 2, 3, 4],
    channels=8, num_classes=2, norm_cfg=dict(type='BN'),
    loss_decode=dict(type='mmseg.CrossEntropyLoss'), _delete_=True,
)  # fmt: skip


@pytest.mark.parametrize('config', CONFIGS)
def test_making_one_draws_no_random_numbers(config: str) -> None:
    """A look at a picture during a training leaves the training as it is."""
    model = random_model(config)
    state = torch.get_rng_state()
    restructured_network(model, torch.float32)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('config', CONFIGS)
def test_logits_are_those_of_the_trained_model(config: str, seed: int) -> None:
    model = random_model(config, seed)
    network = restructured_network(model, torch.float32)
    for number, size in enumerate(SIZES):
        pairs = random_pairs(*size, seed=10 * seed + number)
        expected = trained_logits(model, pairs)
        given = network_logits(network, model, pairs)
        assert given.shape == expected.shape and given.dtype == torch.float32
        assert relative(given, expected) < 1e-5, size


@pytest.mark.parametrize('config', CONFIGS)
def test_the_traceable_form_gives_the_same(config: str) -> None:
    model = random_model(config)
    network = to_traceable(restructured_network(model, torch.float32))
    for size in [(1, 64, 64), (3, 32, 96), (1, 288, 160)]:
        pairs = random_pairs(*size)
        assert relative(network(pairs), trained_logits(model, pairs)) < 1e-5, size


@torch.no_grad()
def test_darnet_is_exact_in_float64() -> None:
    """So that the deviations in float32 are rounding, and nothing else."""
    model = random_model('darnet_sample.py').double()
    network = RestructuredDARNet(model.backbone, model.decode_head.decoder, torch.float64)
    pairs = random_pairs(2, 48, 272).double()
    assert relative(network(pairs), trained_logits(model, pairs)) < 1e-12


@pytest.mark.parametrize('config', CONFIGS)
def test_bfloat16_is_close(config: str) -> None:
    """What the network's form loses where every product is summed up in float32.

    0.007 to 0.015 in these networks; a network whose form loses more would show it here, whatever
    the processor.
    """
    model = random_model(config)
    network = restructured_network(model, torch.bfloat16)
    wide = [name for name, p in network.named_parameters() if p.dtype != torch.bfloat16]
    assert all('.conv.' in name for name in wide) and len(wide) <= 2  # the first convolution
    pairs = random_pairs(2, 64, 96)
    with StoredInBfloat16() as emulation:
        given = network_logits(network, model, pairs)
    assert emulation.seen >= {'convolution', 'mm'}
    assert relative(given, trained_logits(model, pairs)) < 0.03


@pytest.mark.parametrize('config', CONFIGS)
def test_the_processors_bfloat16_gives_the_same_map(config: str) -> None:
    """By whatever kernels the processor has.

    Those of some processors with AMX were seen to lose ten times as much as the emulation (0.1 of
    the largest logit), so that this asks for the same map, not for its last digits.
    """
    model = random_model(config)
    pairs = random_pairs(2, 64, 96)
    expected = trained_logits(model, pairs)
    given = network_logits(restructured_network(model, torch.bfloat16), model, pairs)
    assert (given - expected).square().mean().sqrt() < 0.3 * expected.square().mean().sqrt()


class StoredInBfloat16(TorchDispatchMode):
    """Computes in float32 what is stored in bfloat16: the arithmetic that every kernel is to have.

    Attributes:
        seen: The operators that were computed so.
    """

    OPERATORS = (
        'convolution', 'mm', 'bmm', 'addmm', 'baddbmm', 'native_layer_norm', 'native_group_norm'
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func._overloadpacket.__name__
        stored = [is_bfloat16(value) for value in args]
        if name not in self.OPERATORS or not any(stored):
            return func(*args, **kwargs)
        self.seen.add(name)
        target = kwargs.pop('out', None)
        wide = [v.float() if narrow else v for v, narrow in zip(args, stored, strict=True)]
        results = func._overloadpacket(*wide, **kwargs)
        if target is not None:
            return target.copy_(results)
        if isinstance(results, tuple):
            return tuple(value.bfloat16() for value in results)
        return results.bfloat16()


def is_bfloat16(value: object) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ('options', 'kind'),
    [
        (dict(), RestructuredDARNet),
        ({'model.decode_head': UPER}, NetworkAsTrained),
    ],
)
def test_any_head_of_mmsegmentation_is_taken(options: dict, kind: type[nn.Module]) -> None:
    model = random_model('darnet_sample.py', **options)
    network = restructured_network(model, torch.float32)
    assert isinstance(network, kind)
    pairs = random_pairs(2, 64, 64)
    metas = [dict(img_shape=(64, 64), ori_shape=(64, 64))] * 2
    with torch.no_grad():
        expected = model.encode_decode(pairs, metas)
    assert relative(network_logits(network, model, pairs), expected) < 1e-5


def test_an_encoder_that_is_no_resnet_is_not_folded() -> None:
    """Where the order of modules is unknown, batch norms stay as they are."""
    backbone = dict(
        type='mmpretrain.MobileNetV2', out_indices=(1, 2, 4, 7), frozen_stages=-1, _delete_=True
    )
    head = {'model.decode_head.in_channels': [48, 64, 192, 2560]}
    model = random_model('prx_sample.py', **{'model.backbone': backbone, **head})
    network = restructured_network(model, torch.float32)
    assert isinstance(network, RestructuredPRX)
    assert any(isinstance(m, nn.BatchNorm2d) for m in network.encoder.modules())
    pairs = random_pairs(1, 64, 64)
    assert relative(network_logits(network, model, pairs), trained_logits(model, pairs)) < 1e-5


@pytest.mark.parametrize('interleave', [False, True])
def test_prx_with_its_channels_interleaved(interleave: bool) -> None:
    options = {'model.decode_head.channel_interleave': interleave}
    model = random_model('prx_sample_cross.py', **options)
    pairs = random_pairs(1, 64, 96)
    given = network_logits(restructured_network(model, torch.float32), model, pairs)
    assert relative(given, trained_logits(model, pairs)) < 1e-5


@pytest.mark.parametrize('optimize', [True, False], ids=['restructured', 'as trained'])
@pytest.mark.parametrize('config', ['darnet_sample.py', 'prx_sample.py'])
@pytest.mark.parametrize('stride', [None, 32, 24])
def test_predictions_are_those_of_the_trained_model(
    config: str, stride: int | None, optimize: bool
) -> None:
    """Through MMSegmentation's own windows, too, which average the logits where they overlap."""
    model = random_model(config)
    if stride:
        model.test_cfg.update(mode='slide', crop_size=(32, 32), stride=(stride, stride))
    raw = 50 * random_pairs(2, 64, 48) + 100
    metainfo = dict(img_shape=(64, 48), ori_shape=(64, 48), padding_size=[0, 0, 0, 0])

    def predicted(segmentor: nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
        samples = [SegDataSample(metainfo=metainfo) for _ in inputs]
        with torch.no_grad():
            samples = segmentor(inputs, samples, mode='predict')
        scores = torch.stack([scores_of_sample(sample) for sample in samples])
        return [scores, torch.stack([sample.pred_sem_seg.data for sample in samples])]

    normalised = model.data_preprocessor.normalize(raw)
    # Random weights find change everywhere or nowhere at one half.
    model.threshold = predicted(model, normalised)[0][:, 1].median().item()
    segmentor = PredictorSegmentor(make_predictor(model, optimize=optimize), model.test_cfg)
    scores, masks = predicted(segmentor, raw)
    expected, expected_masks = predicted(model, normalised)
    torch.testing.assert_close(scores, expected, rtol=0, atol=1e-4)
    assert (masks == expected_masks).float().mean() > 0.99
    assert 0 < masks.float().mean() < 1


@pytest.mark.parametrize('config', CONFIGS)
def test_the_trained_model_is_left_as_it_is(config: str) -> None:
    model = random_model(config).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():  # what is made there may be used outside
        network = restructured_network(model, torch.bfloat16)
    network_logits(network, model, random_pairs(1, 32, 32))
    assert all(module.training for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ('precision', 'message'),
    [
        ('half', "No such precision: 'half'. Use one of float32, bfloat16, float16"),
        ('float16', 'float16 is for GPUs.*Use bfloat16 on the CPU'),
    ],
)
def test_precisions_that_do_not_work(precision: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_predictor(random_model('darnet_sample.py'), precision=precision)


def test_other_modules_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'made of segmentors of MMSegmentation.*but got Linear'):
        make_predictor(nn.Linear(1, 1))


def test_there_is_no_loss() -> None:
    segmentor = PredictorSegmentor(make_predictor(random_model('darnet_sample.py')))
    with pytest.raises(RuntimeError, match='has no losses: train the model that it was made from'):
        segmentor(random_pairs(1, 16, 16), [], mode='loss')


@pytest.mark.slow
@pytest.mark.parametrize('config', [each for each in CONFIGS if each != 'prx_sample.py'])
def test_compiled_networks_give_the_same(config: str) -> None:
    model = random_model(config)
    pairs = random_pairs(1, 64, 64)
    predictor = make_predictor(model, compile=True)
    with torch.inference_mode():
        given = network_logits(predictor.network, model, pairs)
        assert relative(given, trained_logits(model, pairs)) < 1e-5


@pytest.mark.gpu
@pytest.mark.parametrize('precision', ['float32', 'bfloat16', 'float16'])
@pytest.mark.parametrize('config', CONFIGS)
def test_on_a_gpu(config: str, precision: str) -> None:
    model = random_model(config)
    pairs = random_pairs(2, 64, 96)
    expected = trained_logits(model, pairs)
    predictor = make_predictor(model.cuda(), precision=precision)
    given = network_logits(predictor.network, model, pairs.cuda()).cpu()
    assert relative(given, expected) < (1e-3 if precision == 'float32' else 0.05)


@pytest.mark.parametrize(('height', 'width'), [(1, 1), (23, 23), (31, 33), (40, 64)])
def test_mean_and_maximum_of_a_reduced_map(height: int, width: int) -> None:
    maps = torch.randn(2, 5, height, width).to(torch.bfloat16)
    maps[0, 0, height // 2, width // 2] = 9  # the one that halves of an odd number share
    average, maximum = _mean_and_maximum(maps.contiguous(memory_format=torch.channels_last))
    assert torch.equal(maximum, maps.amax((2, 3)))
    expected = maps.double().mean((2, 3)).to(torch.bfloat16)
    torch.testing.assert_close(average, expected, rtol=2**-7, atol=1e-4)


@pytest.mark.parametrize('part', ['', 'decode_head', 'decode_head.decoder', 'backbone'])
@pytest.mark.parametrize('config', CONFIGS)
def test_a_subclass_runs_as_it_was_trained(config: str, part: str) -> None:
    """What it overrides is not in the restructured form."""
    model = random_model(config)
    module = model.get_submodule(part)
    module.__class__ = type('Own', (type(module),), {})
    network = restructured_network(model, torch.float32)
    takes_any_encoder = config.startswith('prx') and part == 'backbone'
    assert isinstance(network, RestructuredPRX if takes_any_encoder else NetworkAsTrained)
