import pytest
import torch
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models import PRXHead
from tests.models.building import build_model, random_batch, samples_from_labels

STAGES = ['prx_sample.py', 'prx_sample_refine.py', 'prx_sample_cross.py']


def slim_head(**options):
    torch.manual_seed(0)
    return PRXHead([8, 16, 32, 64], **options)


def pyramids(height=64, width=96, num=2):
    """Both dates' maps."""
    generator = torch.Generator().manual_seed(3)
    strides = [4 * 2**k for k in range(4)]
    return tuple(
        [torch.randn(num, s, height // s, width // s, generator=generator) for s in strides]
        for _ in range(2)
    )


def random_labels(height=64, width=96, num=2):
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 2, (num, height, width), generator=generator)


def test_each_stage_adds_its_own_modules_only():
    first, second, third = (set(build_model(config).state_dict()) for config in STAGES)
    assert first < second < third
    assert all(name.startswith('decode_head.refinement.') for name in second - first)
    assert all('.cross_attention.' in name for name in third - second)
    later = tuple(f'decode_head.{module}' for module in PRXHead.later_stage_modules)
    assert all(name.startswith(later) for name in third - first)


def test_entries_are_the_weighted_losses():
    head = slim_head(refinement=True, loss_weights=dict(main=5.0, refinement=3.0)).eval()
    label = random_labels()
    torch.manual_seed(1)
    losses = head.loss(pyramids(), samples_from_labels(label), {})
    assert list(losses) == ['loss_main', 'loss_refinement']
    plain = F.binary_cross_entropy_with_logits(head(pyramids()), label[:, None].float())
    assert losses['loss_main'].item() == pytest.approx(5 * plain.item())
    torch.manual_seed(1)  # the points are drawn at random
    refined = head.refinement(head.decoder(*pyramids()).fused, label)
    assert losses['loss_refinement'].item() == pytest.approx(3 * refined.item())
    assert list(slim_head().loss(pyramids(), samples_from_labels(label), {})) == ['loss_main']


def test_published_weights_of_the_stages():
    first, *later = (build_model(config).decode_head for config in STAGES)
    assert first.loss_weights['main'] == 1
    assert all(head.loss_weights == dict(main=5, refinement=1) for head in later)


def test_ignored_pixels_have_no_influence():
    head = slim_head(refinement=True).eval()
    label = random_labels()
    label[:, :, 40:] = 7
    head.ignore_index = 7
    decoded = head.decoder(*pyramids())
    losses = []
    for value in (0, 1):
        samples = samples_from_labels(torch.where(label == 7, 7 * torch.ones_like(label), label))
        logit = decoded.logit + value * (torch.arange(96) >= 40)
        head.decoder.forward = lambda *_, logit=logit: decoded._replace(logit=logit)
        torch.manual_seed(1)
        losses.append(head.loss(pyramids(), samples, {}))
    assert losses[0] == losses[1]
    head.ignore_index = 255
    torch.manual_seed(1)
    seven_counts = head.loss(pyramids(), samples_from_labels(label), {})
    assert seven_counts['loss_refinement'] != losses[0]['loss_refinement']


def test_the_refinement_never_looks_at_padding():
    """The label of a padded image is padded, too, with ignored pixels on the same ground."""
    head = slim_head(refinement=True)
    label = torch.ones(2, 40, 70, dtype=torch.long)
    padded = head._pad_label(label, torch.zeros(2, 1, 64, 96))
    assert padded.shape == (2, 64, 96)
    assert bool((padded[:, :40, :70] == 1).all())
    padded[:, :40, :70] = 255
    assert bool((padded == 255).all())


@pytest.mark.parametrize('head', [slim_head(), slim_head(refinement=True)])
def test_prediction_costs_nothing_of_the_refinement(head):
    def refuse(*_args):
        raise AssertionError('the refinement ran')

    if head.refinement is not None:
        head.refinement.forward = refuse
        for level in head.refinement.levels:
            level.forward = refuse
    meta = [dict(img_shape=torch.Size((64, 96)))] * 2
    logit = head.eval().predict(pyramids(), meta, {})
    torch.testing.assert_close(logit, head(pyramids()))


def test_predicts_change_above_one_half():
    model = build_model('prx_sample.py').eval()
    inputs, samples = random_batch(1, 40, 56)
    for sample in samples:
        sample.set_metainfo(dict(ori_shape=(40, 56), img_shape=(40, 56), pad_shape=(40, 56)))
    with torch.no_grad():
        logit = model(inputs, mode='tensor')[0]
        (result,) = model(inputs, samples, mode='predict')
    assert model.decode_head.threshold == 0.5
    torch.testing.assert_close(result.seg_logits.data, logit.sigmoid())
    assert torch.equal(result.pred_sem_seg.data == 1, logit > 0)


def test_a_tile_with_nothing_to_learn_from_is_no_fault():
    model = build_model('prx_sample_refine.py').train()
    inputs, _ = random_batch(2, 64, 64)
    samples = samples_from_labels(torch.full((2, 64, 64), 255))
    assert sum(model(inputs, samples, mode='loss').values()).item() == 0


def test_options_reach_the_decoder():
    head = slim_head(
        cross_attention=True,
        channel_interleave=True,
        attention_dropout=0.2,
        dropout=0.3,
        drop_path=0.4,
        refinement=True,
        refinement_dropout=0.5,
    )
    block = head.decoder.cross_attention[0].block
    assert (block.attention_dropout, block.mlp.dropout.p, block.drop_path.drop_prob) == (
        0.2,
        0.3,
        0.4,
    )
    assert all(fusion.channel_interleave for fusion in head.decoder.tri_fusions)
    assert head.refinement.levels[0].mlp.dropout.p == 0.5


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(in_channels=[7, 16]), r'PRXHead takes the channels of the stacked pair.*\[7, 16\]'),
        (dict(num_classes=3), r'PRXHead has one logit, .* num_classes=2.*got.*=3'),
        (
            dict(loss_weights=dict(mian=5.0)),
            r"must name the outputs \['main', 'refinement'\].*mian",
        ),
    ],
)
def test_what_it_cannot_do_is_said(options, message):
    with pytest.raises(ConfigError, match=message):
        PRXHead(**dict(in_channels=[8, 16]) | options)


@pytest.mark.parametrize('depth', [34, 50])
def test_deeper_encoders(depth):
    channels = {34: [128, 256, 512, 1024], 50: [512, 1024, 2048, 4096]}[depth]
    options = {'model.backbone.depth': depth, 'model.decode_head.in_channels': channels}
    model = build_model('prx_levir.py', **options).eval()
    with torch.no_grad():
        assert model(random_batch(1, 32, 32)[0], mode='tensor').shape == (1, 1, 32, 32)


OTHER_ENCODERS = {
    'ConvNeXt': dict(
        type='mmpretrain.ConvNeXt',
        arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
        out_indices=(0, 1, 2, 3),
        gap_before_final_norm=False,
    ),
    'Swin': dict(
        type='mmseg.SwinTransformer',
        embed_dims=8,
        depths=(1, 1, 1, 1),
        num_heads=(1, 2, 2, 2),
        window_size=2,
    ),
    'MiT': dict(
        type='mmseg.MixVisionTransformer',
        embed_dims=8,
        num_layers=[1, 1, 1, 1],
        num_heads=[1, 2, 4, 8],
    ),
}


@pytest.mark.parametrize(
    ('name', 'widths'),
    [('ConvNeXt', (8, 16, 24, 32)), ('Swin', (8, 16, 32, 64)), ('MiT', (8, 16, 32, 64))],
)
def test_other_encoders_by_config_alone(name, widths):
    options = {
        'model.backbone': dict(OTHER_ENCODERS[name], _delete_=True),
        'model.decode_head.in_channels': [2 * width for width in widths],
    }
    model = build_model('prx_levir_cross.py', **options).train()
    inputs, samples = random_batch(2, 50, 71)
    sum(model(inputs, samples, mode='loss').values()).backward()
    with torch.no_grad():
        assert model.eval()(inputs, mode='tensor').shape == (2, 1, 50, 71)
