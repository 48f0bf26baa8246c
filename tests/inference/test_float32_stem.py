from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from mmcd.inference.float32_stem import Float32Conv, to_precision
from mmcd.inference.restructured import network_as_trained, restructured_network
from tests.inference.random_models import random_model, random_pairs, relative


class Encoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.second = nn.Conv2d(4, 5, 3)

    def forward(self, x):
        return self.second(self.first(x))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_only_the_first_convolution_stays(dtype):
    encoder = Encoder()
    weights = copy.deepcopy(encoder.first[0].weight)
    assert to_precision(encoder, encoder, dtype) == torch.float32
    assert isinstance(encoder.first[0], Float32Conv)
    assert torch.equal(encoder.first[0].conv.weight, weights)  # not rounded on the way
    assert encoder.second.weight.dtype == dtype
    assert encoder.first(torch.rand(1, 3, 8, 8)).dtype == dtype


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_wide_formats_are_converted_whole(dtype):
    encoder = Encoder()
    assert to_precision(encoder, encoder, dtype) == dtype
    assert encoder(torch.rand(1, 3, 8, 8, dtype=dtype)).dtype == dtype


def test_an_encoder_without_convolutions_is_converted_whole():
    encoder = nn.Linear(3, 4)
    assert to_precision(encoder, encoder, torch.bfloat16) == torch.bfloat16


@pytest.mark.parametrize('make', [restructured_network, network_as_trained])
@pytest.mark.parametrize('config', ['darnet_sample.py', 'prx_sample.py', 'segformer_b0_sample.py'])
def test_networks_keep_the_weights_that_read_the_images(make, config):
    """Rounded, they would lose what no later part could: here an offset that they subtract.

    The mean of 200 is far from zero, as raw pixels are; weights that sum to zero cancel it, rounded
    ones do not.
    """
    model = random_model(config)
    network = make(model, torch.bfloat16)
    stems = [module for module in network.modules() if isinstance(module, Float32Conv)]
    assert len(stems) == 1
    conv = stems[0].conv
    conv.weight.data -= conv.weight.data.mean((1, 2, 3), keepdim=True)
    given = stems[0](torch.full((1, conv.in_channels, 32, 32), 200.0))[..., 4, 4].float()
    bias = torch.zeros(given.shape) if conv.bias is None else conv.bias[None]
    torch.testing.assert_close(given, bias.float(), rtol=1e-2, atol=1e-3)
    assert network(random_pairs(1, 64, 64)).dtype == torch.bfloat16


@pytest.mark.parametrize(
    'encoder',
    [
        dict(type='mmseg.ERFNet'),  # concatenates the image's maximum with a convolution of it
        dict(type='mmpretrain.RepVGG', arch='A0', out_indices=(3,)),  # three branches read it
    ],
    ids=lambda encoder: encoder['type'],
)
def test_encoders_in_which_more_than_one_layer_reads_the_image(encoder):
    channels = 16 if encoder['type'] == 'mmseg.ERFNet' else 1280
    head = dict(
        type='mmseg.FCNHead', in_channels=2 * channels, in_index=-1, channels=4,
        norm_cfg=dict(type='BN'), loss_decode=dict(type='mmseg.CrossEntropyLoss'),
    )  # fmt: skip
    settings = {'model.backbone': encoder | {'_delete_': True}, 'model.decode_head': head}
    settings['model.decode_head']['_delete_'] = True
    model = random_model('segformer_b0_sample.py', **settings)
    pairs = random_pairs(1, 64, 64)
    expected = network_as_trained(model, torch.float32)(pairs)
    given = network_as_trained(model, torch.bfloat16)(pairs)
    assert given.dtype == torch.bfloat16
    assert relative(given.float(), expected) < 0.1
