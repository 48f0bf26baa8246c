import pytest
import torch
from mmengine.structures import PixelData

from mmcd.registry import MODELS
from tests.models.building import build_model, random_batch


def fcn(**options):
    """MMSegmentation's own head on our siamese encoder, by config alone."""
    return MODELS.build(
        dict(
            type='SiameseEncoderDecoder',
            backbone=dict(type='UNetEncoder', base_channels=4, num_levels=3),
            decode_head=dict(
                type='mmseg.FCNHead',
                in_channels=2 * 16,
                in_index=-1,
                channels=8,
                num_classes=2,
                norm_cfg=dict(type='BN'),
            ),
            test_cfg=dict(mode='whole'),
            **options,
        )
    )


@pytest.fixture(scope='module')
def slim():
    return build_model('darnet_sample.py').eval()


@pytest.mark.parametrize('size', [(64, 64), (33, 50), (17, 80), (1, 5)])
def test_any_size_in_same_size_out(slim, size):
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


def test_every_mmseg_head_composes():
    model = fcn().train()
    inputs, samples = random_batch(2, 30, 41)
    losses = model(inputs, samples, mode='loss')
    sum(v for k, v in losses.items() if 'loss' in k).backward()
    assert all(p.grad is not None for p in model.parameters())


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


def test_multi_band_pairs():
    model = build_model('darnet_sample.py', **{'model.backbone.in_channels': 5}).eval()
    with torch.no_grad():
        assert model(torch.rand(1, 10, 16, 32), mode='tensor')[-1].shape == (1, 2, 16, 32)


def test_auxiliary_heads_work():
    head = dict(type='mmseg.FCNHead', in_channels=2 * 8, in_index=1, channels=4, num_classes=2)
    model = fcn(auxiliary_head=head).train()
    inputs, samples = random_batch(1, 16, 16)
    losses = model(inputs, samples, mode='loss')
    assert {'decode.loss_ce', 'aux.loss_ce'} <= losses.keys()
    assert isinstance(samples[0].gt_sem_seg, PixelData)
