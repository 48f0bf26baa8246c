from itertools import dropwhile

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.models.decode_heads import FCNHead
from torch import distributed, nn

from mmcd.config import load_config
from mmcd.errors import ConfigError
from mmcd.inference import make_predictor
from mmcd.registry import MODELS
from tests.models.building import build_model, random_batch
from tests.models.model_tester import predict

METAS = [dict(ori_shape=(32, 48), img_shape=(32, 48))]


class RGBOnly(nn.Module):
    """An encoder without the setting `in_channels`."""

    def __init__(self, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(3, 18, 3, stride=2, padding=1, groups=groups)

    def forward(self, x):
        return (self.conv(x),)


def fcn(
    *, stated=None, backbone=None, in_channels=32, num_classes=2, head_threshold=None, **options
):
    """MMSegmentation's own head on our siamese encoder, by config alone."""
    backbone = backbone or dict(type='UNetEncoder', base_channels=4, num_levels=3)
    head = dict(
        type='mmseg.FCNHead',
        in_channels=in_channels,
        in_index=-1,
        channels=8,
        norm_cfg=dict(type='BN'),
        threshold=head_threshold,
        loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
    )
    return MODELS.build(
        dict(
            type='SiameseEncoderDecoder',
            backbone=backbone | (dict(in_channels=stated) if stated else {}),
            decode_head=head | (dict(num_classes=num_classes) if num_classes else {}),
            test_cfg=ConfigDict(mode='whole'),
            **options,
        )
    )


def test_a_head_of_mmsegmentation_gets_the_difference_of_the_dates():
    model = fcn(in_channels=16, fusion='difference').eval()
    inputs, _ = random_batch(1, 32, 48)
    before, after = inputs.chunk(2, dim=1)
    with torch.no_grad():
        fused = model.extract_feat(inputs)
        dates = zip(model.backbone(before), model.backbone(after), strict=True)
        for found, (first, second) in zip(fused, dates, strict=True):
            torch.testing.assert_close(found, (first - second).abs(), rtol=0, atol=1e-4)
        same = model(torch.cat([after, before], dim=1), mode='tensor')
        torch.testing.assert_close(model(inputs, mode='tensor'), same, rtol=0, atol=1e-4)


def test_a_fusion_that_is_none():
    with pytest.raises(ConfigError, match=r"model\.fusion is 'concat' or 'difference', not 'sum'"):
        fcn(fusion='sum')


def fcn_with_seed(**options):
    torch.manual_seed(0)
    return fcn(**options)


@pytest.fixture(scope='module')
def slim():
    return build_model('darnet_sample.py').eval()


@pytest.mark.parametrize('size', [(17, 80), (1, 5)])
def test_every_output_has_the_size_of_the_input(slim, size):
    inputs, _ = random_batch(2, *size)
    with torch.no_grad():
        outputs = slim(inputs, mode='tensor')
    assert [tuple(y.shape) for y in outputs] == [(2, 2, *size)] * 5
    assert all(torch.isfinite(y).all() for y in outputs)


def test_padding_is_by_the_edge_and_cropped_back(slim):
    inputs, _ = random_batch(1, 33, 50)
    padded = torch.nn.functional.pad(inputs, (0, 14, 0, 15), mode='replicate')
    with torch.no_grad():
        ours, whole = slim(inputs, mode='tensor')[-1], slim(padded, mode='tensor')[-1]
    torch.testing.assert_close(ours, whole[..., :33, :50])


def test_predict_agrees_with_the_logits_at_odd_sizes(slim):
    inputs, samples = random_batch(1, 37, 53)
    samples[0].set_metainfo(dict(ori_shape=(37, 53), img_shape=(37, 53)))
    with torch.no_grad():
        logits = slim(inputs, mode='tensor')[-1][0]
        predicted = slim(inputs, samples, mode='predict')[0]
    torch.testing.assert_close(predicted.seg_logits.data, logits)
    assert torch.equal(predicted.pred_sem_seg.data, logits.argmax(0, keepdim=True))


def test_sliding_windows_without_overlap_are_the_windows_themselves():
    model = build_model(
        'darnet_sample.py',
        **{'model.test_cfg': dict(mode='slide', crop_size=(32, 32), stride=(32, 32))},
    ).eval()
    inputs, samples = random_batch(1, 64, 96)
    samples[0].set_metainfo(dict(ori_shape=(64, 96), img_shape=(64, 96)))
    with torch.no_grad():
        whole = model(inputs, samples, mode='predict')[0].seg_logits.data
        corner = model(inputs[..., 32:, 64:], mode='tensor')[-1][0]
    torch.testing.assert_close(whole[:, 32:, 64:], corner, rtol=1e-4, atol=1e-4)


def test_loss_at_odd_sizes_counts_only_the_image(slim):
    """Pixels that were padded on do not enter: it is the loss of the cropped logits."""
    inputs, samples = random_batch(1, 33, 50)
    losses = slim(inputs, samples, mode='loss')
    logits = slim(inputs, mode='tensor')
    expected = slim.decode_head.loss_by_feat(logits, samples)
    assert sum(losses.values()).item() == pytest.approx(sum(expected.values()).item(), rel=1e-5)


@pytest.mark.parametrize('one_batch', [True, False])
def test_batch_norm_sees_the_dates_as_asked(one_batch):
    """Statistics are updated once a step over both dates, or twice, before first."""
    model = fcn(batch_dates=one_batch).train()
    norm = model.backbone.levels[0][0].bn
    inputs, _ = random_batch(2, 16, 16)
    model(inputs, mode='tensor')
    assert norm.num_batches_tracked.item() == (1 if one_batch else 2)
    conv = model.backbone.levels[0][0].conv
    dates = [inputs[:, :3], inputs[:, 3:]]
    means = [conv(date).mean(dim=(0, 2, 3)) for date in dates]
    if one_batch:
        expected = 0.1 * (means[0] + means[1]) / 2
    else:
        expected = 0.9 * 0.1 * means[0] + 0.1 * means[1]
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-4)


def test_eval_does_not_depend_on_how_dates_are_batched():
    one, two = fcn(batch_dates=True).eval(), fcn(batch_dates=False).eval()
    two.load_state_dict(one.state_dict())
    inputs, _ = random_batch(3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(one(inputs, mode='tensor'), two(inputs, mode='tensor'))


def test_odd_number_of_channels_is_an_error(slim):
    with pytest.raises(ValueError, match=r'even number of channels.*\(1, 5, 16, 16\)'):
        slim(torch.zeros(1, 5, 16, 16), mode='tensor')


def test_odd_number_of_channels_is_an_error_of_both_dates_in_one_image_too():
    model = build_model('fc_ef_sample.py')
    with pytest.raises(ValueError, match=r'even number of channels.*\(1, 5, 16, 16\)'):
        model(torch.zeros(1, 5, 16, 16), mode='tensor')


def images(*bands, **fields):
    return dict(bands=list(bands), **fields)


def test_the_encoder_takes_the_bands_that_the_images_have():
    five = images(*'abcde')
    assert fcn(image=five).backbone.levels[0][0].conv.in_channels == 5
    early = fcn(image=five, early_fusion=True, in_channels=16)
    assert early.backbone.levels[0][0].conv.in_channels == 10
    assert fcn(image=five, stated=5).image.num_bands == 5


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(image=images(*'abcd', dtype='uint16'), stated=3),
            r'images have 4 bands \(a, b, c, d\) of uint16, so the encoder takes 4 channels, but '
            r'its config states in_channels=3\. Leave it out: it follows from `image`',
        ),
        (dict(early_fusion=True, stated=3), r'3 bands.*takes 6 channels, but.*in_channels=3'),
        (
            dict(classes=dict(classes=['same', 'built', 'razed']), num_classes=2),
            r'data set has 3 classes, but mmseg\.FCNHead states num_classes=2\. Leave it out',
        ),
        (
            dict(image=images(*'abcd'), backbone=dict(type='mmseg.ERFNet', in_channels=3)),
            r'so the encoder takes 4 channels',
        ),
        (
            dict(image=images(*'abcd'), backbone=dict(type=RGBOnly, groups=3)),
            r'The encoder .*RGBOnly.* has no `in_channels`, and no first convolution of 3 channels',
        ),
    ],
)
def test_contradictions_of_what_is_stated_once(options, message):
    with pytest.raises(ConfigError, match=message):
        fcn(**options)


def test_an_encoder_without_the_setting_takes_rgb():
    assert isinstance(fcn(backbone=dict(type=RGBOnly)).backbone, RGBOnly)


def test_an_encoder_without_the_setting_takes_other_bands():
    conv = fcn(image=images(*'abcde'), backbone=dict(type=RGBOnly)).backbone.conv
    assert conv(torch.rand(1, 5, 8, 8)).shape == (1, 18, 4, 4)
    assert fcn(early_fusion=True, backbone=dict(type=RGBOnly)).backbone.conv.in_channels == 6


def test_every_head_gets_the_classes_of_the_data_set():
    meta = dict(classes=['same', 'built', 'razed'])
    aux = dict(type='mmseg.FCNHead', in_channels=2 * 8, in_index=1, channels=4)
    model = fcn(classes=meta, num_classes=None, auxiliary_head=[aux, aux])
    assert model.classes.names == ('same', 'built', 'razed')
    assert [head.num_classes for head in (model.decode_head, *model.auxiliary_head)] == [3, 3, 3]
    # Without a data set, as many as the head has, of which nothing is known but their number.
    assert fcn(num_classes=3).classes.names == ('unchanged', 'change_1', 'change_2')
    assert fcn().classes.is_binary


def predicted(model, inputs):
    (result,) = predict(model, inputs)
    return result.seg_logits.data, result.pred_sem_seg.data[0]


@pytest.mark.parametrize('of', ['model', 'head'])
def test_the_threshold_decides(of):
    """Of the model's config first, else of the head's; for two logits as for one."""
    inputs, _ = random_batch(1, 32, 48)
    with torch.no_grad():
        probability = fcn_with_seed().eval().encode_decode(inputs, METAS).softmax(1)[0, 1]
    threshold = probability.median().item()
    assert abs(threshold - 0.5) > 1e-3
    options = dict(threshold=threshold) if of == 'model' else dict(head_threshold=threshold)
    _, mask = predicted(fcn_with_seed(**options), inputs)
    assert torch.equal(mask == 1, probability > threshold)
    assert 0.4 < (mask == 1).float().mean() < 0.6
    _, at_half = predicted(fcn_with_seed(), inputs)
    assert torch.equal(at_half == 1, probability > 0.5) and not torch.equal(at_half, mask)
    _, of_the_model = predicted(fcn_with_seed(threshold=1.0, head_threshold=threshold), inputs)
    assert not of_the_model.any()


def test_auxiliary_heads_work():
    head = dict(type='mmseg.FCNHead', in_channels=2 * 8, in_index=1, channels=4, num_classes=2)
    model = fcn(auxiliary_head=head).train()
    inputs, samples = random_batch(1, 16, 16)
    losses = model(inputs, samples, mode='loss')
    assert {'decode.loss_ce', 'aux.loss_ce'} <= losses.keys()
    assert isinstance(samples[0].gt_sem_seg, PixelData)


@pytest.fixture
def one_process():
    distributed.init_process_group('gloo', store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.parametrize(
    ('config', 'unread'),
    [
        ('upernet_mobilenet_v2_oscd_rgb_quick.py', 'backbone.conv2.'),
        ('prx_mobilenet_v2_oscd_rgb_quick.py', 'backbone.conv2.'),
        ('buildings_synthetic.py', None),
    ],
)
def test_networks_train_in_several_processes(one_process, config, unread):
    """Those whose configs :class:`tests.models.model_tester.ModelTester` does not see."""
    model = build_model(config, pretrained=None).train()
    parallel = nn.parallel.DistributedDataParallel(model)
    for seed in (0, 1):  # what did not get its gradient is missed in the second step
        losses = parallel(*random_batch(2, 32, 32, seed), mode='loss')
        sum(value for name, value in losses.items() if 'loss' in name).backward()
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == (not name.startswith(unread or '\0')), name
        assert (parameter.grad is not None) == parameter.requires_grad, name


@pytest.mark.parametrize(
    ('encoder', 'first_unread'),
    [
        (dict(type='mmpretrain.MobileNetV3', out_indices=(1, 3)), 'layer4.'),
        (dict(type='mmpretrain.EfficientNet', arch='b0', out_indices=(1, 2)), 'layers.3.'),
        (dict(type='mmpretrain.EfficientNet', arch='b0'), None),
        (dict(type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2)), 'layer4.'),
        (dict(type='mmseg.ResNet', depth=18, out_indices=(0, 1)), 'layer3.'),
        (dict(type='mmpretrain.ResNet', depth=18, out_indices=(0, 1, 2, 3)), None),
        (dict(type='mmpretrain.EfficientFormer', out_indices=(0, 1)), None),
    ],
)
def test_layers_that_are_not_read_ask_for_no_gradients(encoder, first_unread):
    parameters = dict(fcn(backbone=encoder).backbone.named_parameters())
    frozen = [name for name, parameter in parameters.items() if not parameter.requires_grad]
    begin = next((n for n in parameters if first_unread and n.startswith(first_unread)), None)
    assert frozen == list(dropwhile(lambda name: name != begin, parameters))


@pytest.mark.parametrize('wrong', [dict(threshold=7), dict(threshold=-0.1), dict(head_threshold=7)])
def test_a_threshold_that_is_no_probability(wrong):
    said = r'model\.(decode_head\.)?threshold=(7|-0\.1): expected a probability from 0 to 1'
    with pytest.raises(ConfigError, match=said):
        fcn(**wrong)


def test_the_layout_of_the_weights_does_not_change_what_a_seed_gives():
    cfg = load_config('darnet_sample')
    models = []
    for layout in (torch.contiguous_format, torch.channels_last):
        model = MODELS.build(cfg.model).to(memory_format=layout)
        torch.manual_seed(0)
        model.init_weights()
        models.append(model)
    one, other = (dict(model.named_parameters()) for model in models)
    assert all(torch.equal(one[name], other[name]) for name in one)
    kernel = other['decode_head.decoder.fuse.1.conv.weight']
    assert kernel.is_contiguous(memory_format=torch.channels_last) and not kernel.is_contiguous()


def test_auxiliary_heads_see_the_label_where_the_image_was_padded():
    """A pair of 33 x 50 is encoded as 40 x 56."""
    aux = dict(type='mmseg.FCNHead', in_channels=64, in_index=1, channels=4)
    model = build_model('fc_siam_conc_sample.py', **{'model.auxiliary_head': aux}).train()
    seen = {}
    head = model.auxiliary_head
    original = head.loss_by_feat

    def loss_by_feat(logits, samples):
        seen['label'] = samples[0].gt_sem_seg.data
        return original(logits, samples)

    head.loss_by_feat = loss_by_feat
    inputs, samples = random_batch(2, 33, 50)
    label = samples[0].gt_sem_seg.data.clone()
    model(inputs, samples, mode='loss')
    divisor = model.size_divisor
    assert [size % divisor for size in seen['label'].shape[1:]] == [0, 0]
    assert torch.equal(seen['label'][:, :33, :50], label)
    assert (seen['label'][:, 33:] == 255).all() and (seen['label'][:, :, 50:] == 255).all()
    assert torch.equal(samples[0].gt_sem_seg.data, label)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'decode_head': [dict(type='mmseg.FCNHead')]}, r'is the settings of one head, not list'),
        (
            {
                'decode_head': dict(
                    type='mmseg.OCRHead', in_channels=32, channels=8, ocr_channels=8, num_classes=2
                )
            },
            r'OCRHead refines .* cascades of heads are not supported',
        ),
        (
            {'fusion': 'difference', 'early_fusion': True},
            r"Nothing reads fusion='difference': with",
        ),
    ],
)
def test_heads_that_are_not_for_pairs(change, message):
    settings = dict(
        type='SiameseEncoderDecoder',
        backbone=dict(type='UNetEncoder', base_channels=4, num_levels=3),
        decode_head=dict(type='mmseg.FCNHead', in_channels=16, channels=8, num_classes=2),
        test_cfg=dict(mode='whole'),
    )
    with pytest.raises(ConfigError, match=message):
        MODELS.build(settings | change)


@pytest.mark.parametrize('config', ['darnet_sample.py', 'prx_sample_cross.py'])
def test_early_fusion_is_for_heads_that_know_it(config):
    model = build_model(config, **{'model.early_fusion': True})
    for mode in ('loss', 'tensor'):
        with pytest.raises(ConfigError, match=r'Head takes 2 pyramid\(s\) of maps, but got 1'):
            model(*random_batch(2, 64, 64), mode=mode)


def test_an_encoder_that_gives_vectors():
    sizes = dict(depths=[1, 1, 1, 1], channels=[4, 8, 8, 16])
    model = fcn(backbone=dict(type='mmpretrain.ConvNeXt', arch=sizes))
    with pytest.raises(ConfigError, match=r'ConvNeXt gives vectors.*gap_before_final_norm=False'):
        model(torch.rand(1, 6, 64, 64), mode='tensor')


def test_an_encoder_of_other_strides_than_the_head_expects():
    """Its logits are of twice the size, of which the label would be held against a quarter."""
    settings = dict(
        type='SiameseEncoderDecoder',
        data_preprocessor=dict(type='PairDataPreprocessor'),
        backbone=dict(type='mmpretrain.MobileNetV2', out_indices=(0, 1, 2, 4)),
        decode_head=dict(type='PRXHead', in_channels=[32, 48, 64, 192], num_classes=2),
        test_cfg=ConfigDict(mode='whole'),
    )
    model = MODELS.build(settings)
    message = r'gives logits of 128x128 for images of 64x64: .* other strides .*`out_indices`'
    with pytest.raises(ConfigError, match=message):
        model(*random_batch(2, 50, 64), mode='loss')
    with pytest.raises(ConfigError, match=message):
        make_predictor(model.eval()).predict(np.zeros((1, 6, 50, 64), np.uint8))


class OneMapInEval(nn.Module):
    """As DDRNet and PIDNet: a tuple while training, a map in eval mode."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, stride=2, padding=1)

    def forward(self, x):
        x = self.conv(x)
        return (x, x) if self.training else x


class OneMapHead(FCNHead):
    """As DDRHead: several maps while training, one in eval mode."""

    def _transform_inputs(self, inputs):
        return inputs[-1] if self.training else inputs


@pytest.mark.parametrize('fusion', ['concat', 'difference'])
def test_an_encoder_that_gives_one_map_in_eval_mode(fusion):
    model = fcn(in_channels=32 if fusion == 'concat' else 16, fusion=fusion)
    model.backbone = OneMapInEval()
    model.decode_head.__class__ = OneMapHead
    inputs, samples = random_batch(2, 32, 48)
    trained = model(inputs, samples, mode='loss')
    assert torch.isfinite(trained['decode.loss_ce'])
    assert [each.pred_sem_seg.shape for each in predict(model, inputs)] == [(32, 48)] * 2
