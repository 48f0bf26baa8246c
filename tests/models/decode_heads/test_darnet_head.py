import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.models import DARNetHead
from tests.models.building import build_model, samples_from_labels


def slim_head(**options):
    return DARNetHead([8, 16, 32, 64, 128], 4, **options)


def pyramids(height=32, width=48, num=2):
    """Both dates' maps."""
    generator = torch.Generator().manual_seed(3)
    return tuple(
        [
            torch.randn(num, 4 * 2**k, height // 2**k, width // 2**k, generator=generator)
            for k in range(5)
        ]
        for _ in range(2)
    )


def test_loss_entries_are_the_outputs_and_carry_their_weights():
    head = slim_head(loss_weights=dict(d5=0.0, d4=0.0, d3=0.0, d2=0.0, d1=2.0)).eval()
    plain = slim_head(loss_weights=dict(d5=1.0, d4=1.0, d3=1.0, d2=1.0, d1=1.0)).eval()
    plain.load_state_dict(head.state_dict())
    samples = samples_from_labels(torch.randint(0, 2, (2, 32, 48)))
    weighted = head.loss(pyramids(), samples, {})
    ones = plain.loss(pyramids(), samples, {})
    assert list(weighted) == ['loss_d5', 'loss_d4', 'loss_d3', 'loss_d2', 'loss_d1']
    assert weighted['loss_d1'].item() == pytest.approx(2 * ones['loss_d1'].item())
    assert all(weighted[f'loss_d{level}'].item() == 0 for level in (5, 4, 3, 2))


def test_ignored_pixels_have_no_influence():
    head = slim_head().eval()
    label = torch.randint(0, 2, (1, 32, 48))
    label[:, :, 20:] = 255
    logits = [torch.randn(1, 2, 32, 48) for _ in range(5)]
    changed = [y.clone() for y in logits]
    for y in changed:
        y[..., 20:] += 5
    samples = samples_from_labels(label)
    assert head.loss_by_feat(logits, samples)['loss_d1'].item() == pytest.approx(
        head.loss_by_feat(changed, samples)['loss_d1'].item()
    )


def test_prediction_is_the_finest_output():
    head = slim_head().eval()
    features = pyramids()
    meta = [dict(img_shape=torch.Size((32, 48)))] * 2
    torch.testing.assert_close(head.predict(features, meta, {}), head(features)[-1])


def test_loss_weights_must_name_the_outputs():
    with pytest.raises(ConfigError, match=r"must name the outputs \['d5', .*'d1'\].*'d6'"):
        slim_head(loss_weights=dict(d6=1.0))


def test_initialisation_follows_the_release():
    model = build_model('darnet_sample.py')
    model.init_weights()
    conv = model.decode_head.decoder.fuse['1'].conv.weight
    assert conv.std().item() == pytest.approx((2 / (40 * 9)) ** 0.5, rel=0.1)
    norms = torch.cat([m.weight for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)])
    assert norms.mean().item() == pytest.approx(1.0, abs=0.01)
    assert norms.std().item() == pytest.approx(0.02, rel=0.2)
    assert all(a.gamma.item() == 0 for a in model.decode_head.decoder.attention.values())
