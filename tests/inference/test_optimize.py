"""The optimised networks against the trained ones, on random sizes and weights."""

from __future__ import annotations

import pytest
import torch
from mmseg.structures import SegDataSample
from torch import nn

from mmcd.errors import ConfigError
from mmcd.inference import OptimizedSegmentor, optimize_for_inference
from mmcd.inference.as_trained import NetworkAsTrained
from mmcd.inference.graph import for_graph
from mmcd.inference.restructured_darnet import OptimizedDARNet
from mmcd.inference.restructured_prx import OptimizedPRX
from tests.inference.random_models import random_model, random_pairs, relative, trained_logits

CONFIGS = ['darnet_sample.py', 'prx_sample.py', 'prx_sample_cross.py']
# Multiples of the networks' divisors and others, images of one strip and of several.
SIZES = [(1, 64, 64), (3, 32, 96), (2, 50, 71), (1, 16, 33), (1, 288, 160), (2, 1, 40)]
UPER = dict(
    type='mmseg.UPerHead', in_channels=[16, 32, 64, 128, 256], in_index=[0, 1, 2, 3, 4],
    channels=8, num_classes=2, norm_cfg=dict(type='BN'),
    loss_decode=dict(type='mmseg.CrossEntropyLoss'), _delete_=True,
)  # fmt: skip


@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('config', CONFIGS)
def test_logits_are_those_of_the_trained_model(config: str, seed: int) -> None:
    model = random_model(config, seed)
    fast = optimize_for_inference(model)
    for number, size in enumerate(SIZES):
        pairs = random_pairs(*size, seed=10 * seed + number)
        expected = trained_logits(model, pairs)
        given = fast(pairs, mode='tensor')
        assert given.shape == expected.shape and given.dtype == torch.float32
        assert relative(given, expected) < 1e-5, size


@pytest.mark.parametrize('config', CONFIGS)
def test_the_form_for_graphs_gives_the_same(config: str) -> None:
    model = random_model(config)
    network = for_graph(optimize_for_inference(model).network)
    for size in [(1, 64, 64), (3, 32, 96), (1, 288, 160)]:
        pairs = random_pairs(*size)
        assert relative(network(pairs), trained_logits(model, pairs)) < 1e-5, size


@torch.no_grad()
def test_darnet_is_exact_in_float64() -> None:
    """So that the deviations in float32 are rounding, and nothing else."""
    model = random_model('darnet_sample.py').double()
    network = OptimizedDARNet(model.backbone, model.decode_head.decoder, torch.float64)
    pairs = random_pairs(2, 48, 272).double()
    assert relative(network(pairs), trained_logits(model, pairs)) < 1e-12


@pytest.mark.parametrize('config', CONFIGS)
def test_bfloat16_is_close(config: str) -> None:
    model = random_model(config)
    fast = optimize_for_inference(model, precision='bfloat16')
    pairs = random_pairs(2, 64, 96)
    given = fast(pairs, mode='tensor')
    assert given.dtype == torch.float32
    assert all(p.dtype == torch.bfloat16 for p in fast.network.parameters())
    assert relative(given, trained_logits(model, pairs)) < 0.05


@pytest.mark.parametrize(
    ('options', 'kind'),
    [
        (dict(), OptimizedDARNet),
        ({'model.decode_head': UPER}, NetworkAsTrained),
    ],
)
def test_any_head_of_mmsegmentation_is_taken(options: dict, kind: type[nn.Module]) -> None:
    model = random_model('darnet_sample.py', **options)
    fast = optimize_for_inference(model)
    assert isinstance(fast.network, kind)
    pairs = random_pairs(2, 64, 64)
    metas = [dict(img_shape=(64, 64), ori_shape=(64, 64))] * 2
    with torch.no_grad():
        expected = model.encode_decode(pairs, metas)
    assert relative(fast.encode_decode(pairs, metas), expected) < 1e-5


def test_an_encoder_that_is_no_resnet_is_not_folded() -> None:
    """Where the order of modules is unknown, batch norms stay as they are."""
    backbone = dict(
        type='mmpretrain.MobileNetV2', out_indices=(1, 2, 4, 7), frozen_stages=-1, _delete_=True
    )
    head = {'model.decode_head.in_channels': [48, 64, 192, 2560]}
    model = random_model('prx_sample.py', **{'model.backbone': backbone, **head})
    fast = optimize_for_inference(model)
    assert isinstance(fast.network, OptimizedPRX)
    assert any(isinstance(m, nn.BatchNorm2d) for m in fast.network.encoder.modules())
    pairs = random_pairs(1, 64, 64)
    assert relative(fast(pairs, mode='tensor'), trained_logits(model, pairs)) < 1e-5


@pytest.mark.parametrize('interleave', [False, True])
def test_prx_with_its_channels_interleaved(interleave: bool) -> None:
    options = {'model.decode_head.channel_interleave': interleave}
    model = random_model('prx_sample_cross.py', **options)
    pairs = random_pairs(1, 64, 96)
    given = optimize_for_inference(model)(pairs, mode='tensor')
    assert relative(given, trained_logits(model, pairs)) < 1e-5


@pytest.mark.parametrize('mode', ['whole', 'slide'])
def test_predictions_are_those_of_the_trained_model(mode: str) -> None:
    model = random_model('darnet_sample.py')
    model.test_cfg.update(mode=mode, crop_size=(32, 32), stride=(32, 32))
    pairs = random_pairs(2, 64, 48)
    metainfo = dict(img_shape=(64, 48), ori_shape=(64, 48), padding_size=[0, 0, 0, 0])

    def predicted(network: nn.Module) -> torch.Tensor:
        samples = [SegDataSample(metainfo=metainfo) for _ in pairs]
        with torch.no_grad():
            samples = network(pairs, samples, mode='predict')
        return torch.stack([sample.seg_logits.data for sample in samples])

    fast = optimize_for_inference(model)
    assert relative(predicted(fast), predicted(model)) < 1e-5


def test_a_threshold_of_one_channel_is_kept() -> None:
    model = random_model('prx_sample.py', **{'model.decode_head.threshold': 0.3})
    pairs = random_pairs(1, 64, 64)
    (sample,) = optimize_for_inference(model)(pairs, mode='predict')
    probability = trained_logits(model, pairs).sigmoid()[0]
    assert torch.equal(sample.pred_sem_seg.data, (probability > 0.3).float())
    assert 0 < sample.pred_sem_seg.data.mean() < 1


@pytest.mark.parametrize('config', CONFIGS)
def test_the_trained_model_is_left_as_it_is(config: str) -> None:
    model = random_model(config).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.inference_mode():  # what is made there may be used outside
        fast = optimize_for_inference(model, precision='bfloat16')
    fast(random_pairs(1, 32, 32), mode='tensor')
    assert all(module.training for module in model.modules() if isinstance(module, nn.BatchNorm2d))
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())
    assert optimize_for_inference(fast) is fast


@pytest.mark.parametrize(
    ('precision', 'message'),
    [
        ('half', "No such precision: 'half'. Use one of float32, bfloat16, float16"),
        ('float16', 'float16 is for GPUs.*Use bfloat16 on the CPU'),
    ],
)
def test_precisions_that_do_not_work(precision: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        optimize_for_inference(random_model('darnet_sample.py'), precision=precision)


def test_other_modules_are_refused() -> None:
    with pytest.raises(ConfigError, match=r'takes a segmentor of MMSegmentation.*but got Linear'):
        optimize_for_inference(nn.Linear(1, 1))


def test_there_is_no_loss() -> None:
    fast = optimize_for_inference(random_model('darnet_sample.py'))
    assert isinstance(fast, OptimizedSegmentor)
    with pytest.raises(RuntimeError, match='has no losses: train the model it was made from'):
        fast(random_pairs(1, 16, 16), [], mode='loss')


@pytest.mark.slow
@pytest.mark.parametrize('config', CONFIGS)
def test_compiled_networks_give_the_same(config: str) -> None:
    model = random_model(config)
    pairs = random_pairs(1, 64, 64)
    fast = optimize_for_inference(model, compile=True)
    with torch.inference_mode():
        assert relative(fast(pairs, mode='tensor'), trained_logits(model, pairs)) < 1e-5


@pytest.mark.gpu
@pytest.mark.parametrize('precision', ['float32', 'bfloat16', 'float16'])
@pytest.mark.parametrize('config', CONFIGS)
def test_on_a_gpu(config: str, precision: str) -> None:
    model = random_model(config)
    pairs = random_pairs(2, 64, 96)
    expected = trained_logits(model, pairs)
    fast = optimize_for_inference(model.cuda(), precision=precision)
    given = fast(pairs.cuda(), mode='tensor').cpu()
    assert relative(given, expected) < (1e-3 if precision == 'float32' else 0.05)
