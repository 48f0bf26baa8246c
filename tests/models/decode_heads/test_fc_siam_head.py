import pytest
import torch
from torch import nn

from mmcd.errors import ConfigError
from mmcd.models import FCSiamHead
from mmcd.models.decode_heads import fc_siam_head
from mmcd.models.layers.pair_ops import fuse_dates
from tests.models.building import build_model, random_batch

NETWORKS = ['fc_ef', 'fc_siam_conc', 'fc_siam_diff']


def slim_head(fusion, channels=(8, 16, 32), **options):
    torch.manual_seed(0)
    options = dict(fusion=fusion, convs_per_level=(2, 2, 3), dropout=0.0) | options
    return FCSiamHead(channels, **options).eval()


def pyramid(seed, height=32, width=48, num=2):
    generator = torch.Generator().manual_seed(seed)
    sizes = [(4 * 2**k, height // 2**k, width // 2**k) for k in range(3)]
    return [torch.randn(num, *size, generator=generator) for size in sizes]


@pytest.mark.parametrize(
    ('network', 'bands', 'parameters'),
    [
        ('fc_ef', 13, 1_353_458),
        ('fc_siam_conc', 13, 1_547_426),
        ('fc_siam_diff', 13, 1_351_586),
        ('fc_siam_diff', 3, 1_350_146),
    ],
)
def test_size_is_as_published(network, bands, parameters):
    """1.35, 1.55 and 1.35 million with 13 bands."""
    image = dict(bands=[f'b{i}' for i in range(bands)])
    model = build_model(f'{network}_sample.py', image=image)
    assert sum(p.numel() for p in model.parameters()) == parameters


@pytest.mark.parametrize('network', NETWORKS)
def test_convolutions_of_each_level_and_dropout_are_as_published(network):
    model = build_model(f'{network}_sample.py')
    decoder = model.decode_head.decoder
    assert [len(level) for level in model.backbone.levels] == [2, 2, 3, 3]
    assert [len(level) for level in decoder.fuse] == [1, 2, 3, 3]  # and the classifier
    outs = [level[-1].conv.out_channels for level in decoder.fuse]
    assert outs == [16, 16, 32, 64] and decoder.classify.out_channels == 2
    drops = [m.p for m in model.modules() if isinstance(m, nn.Dropout2d)]
    assert drops == [0.2] * (10 + 9)


def test_the_difference_knows_no_order_of_the_dates_but_in_the_deepest_map():
    head = slim_head('difference')
    before, after = pyramid(1), pyramid(2)
    before[-1] = after[-1]
    torch.testing.assert_close(head((before, after)), head((after, before)))
    head = slim_head('concat')
    assert not torch.allclose(head((before, after)), head((after, before)))


@pytest.mark.parametrize('fusion', ['concat', 'difference'])
def test_the_decoder_starts_from_the_second_date(fusion, monkeypatch):
    """Without skips, nothing of the first date is left."""
    head = slim_head(fusion)
    monkeypatch.setattr(
        fc_siam_head, 'fuse_dates', lambda *dates: torch.zeros_like(fuse_dates(*dates))
    )
    out = head((pyramid(1), pyramid(2)))
    assert torch.equal(head((pyramid(3), pyramid(2))), out)
    assert not torch.allclose(head((pyramid(1), pyramid(3))), out)


def test_sizes_are_multiples_of_two_for_each_level():
    assert slim_head('concat').size_divisor == 8
    assert build_model('fc_siam_conc_sample.py').size_divisor == 16


def test_early_fusion_is_one_network_on_both_dates():
    model = build_model('fc_ef_sample.py').eval()
    inputs, _ = random_batch(1, 32, 32)
    assert model.backbone.levels[0][0].conv.in_channels == 6
    (only,) = model.extract_feat(inputs)
    assert [m.shape[1] for m in only] == [16, 32, 64, 128]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(fusion='sum'), r"`fusion` is 'early', 'concat' or 'difference', not 'sum'"),
        (
            dict(in_channels=[7, 16]),
            r'FCSiamHead takes the channels of the stacked.*\[7, 16\]',
        ),
    ],
)
def test_what_it_cannot_do_is_said(options, message):
    with pytest.raises(ConfigError, match=message):
        FCSiamHead(**dict(in_channels=[8, 16]) | options)


@pytest.mark.parametrize(('fusion', 'number'), [('early', 2), ('concat', 1), ('difference', 1)])
def test_a_model_that_fuses_elsewhere(fusion, number):
    with pytest.raises(
        ConfigError, match=rf'takes {3 - number} pyr.*got {number}.*early_fusion=True'
    ):
        slim_head(fusion)([pyramid(i) for i in range(number)])
