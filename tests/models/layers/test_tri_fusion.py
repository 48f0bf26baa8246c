import pytest
import torch
from torch.nn import functional as F

from mmcd.models.layers.tri_fusion import DeepestFusion, SqueezeReduce, TriFusion, group_norm


@pytest.mark.parametrize(
    ('channels', 'groups'), [(512, 16), (64, 2), (32, 1), (8, 1), (96, 3), (100, 2), (144, 4)]
)
def test_group_norm_has_about_32_channels_a_group(channels, groups):
    assert group_norm(channels).num_groups == groups


def test_squeeze_reduce_follows_the_formula():
    torch.manual_seed(0)
    module = SqueezeReduce(192, 64)
    x = torch.randn(2, 192, 4, 6)
    weight = torch.sigmoid(
        F.relu(x.mean((2, 3)) @ module.excite[0].weight.T) @ module.excite[2].weight.T
    )
    assert module.excite[0].weight.shape == (6, 192)
    y = F.conv2d(x + x * weight[:, :, None, None], module.reduce[0].weight)
    y = F.relu(F.group_norm(y, 2))
    expected = y + F.relu(F.group_norm(F.conv2d(y, module.refine[0].weight, padding=1), 2))
    torch.testing.assert_close(module(x), expected)


def test_deepest_fusion_norms_both_dates_and_reduces():
    torch.manual_seed(0)
    module = DeepestFusion(64)
    before, after = torch.randn(2, 64, 3, 5), torch.randn(2, 64, 3, 5)
    both = torch.cat([F.group_norm(before, 2), F.group_norm(after, 2)], dim=1)
    expected = F.conv2d(both, module.reduce.weight, module.reduce.bias)
    torch.testing.assert_close(module(before, after), expected)


def make_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 32, 4, 6), torch.randn(2, 32, 4, 6), torch.randn(2, 64, 2, 3)


def test_tri_fusion_gives_the_shape_of_its_level():
    assert TriFusion(32, deeper_channels=64)(*make_inputs()).shape == (2, 32, 4, 6)


def test_interleave_is_concatenation_with_the_weights_reordered():
    torch.manual_seed(0)
    plain = TriFusion(32, deeper_channels=64)
    interleaved = TriFusion(32, deeper_channels=64, channel_interleave=True)
    interleaved.load_state_dict(plain.state_dict())
    inputs = make_inputs()
    assert not torch.allclose(plain(*inputs), interleaved(*inputs), atol=1e-3)

    order = torch.arange(96).view(3, 32).T.flatten()  # before_0, after_0, differ_0, before_1, ...
    excite, reduce = interleaved.squeeze_reduce.excite, interleaved.squeeze_reduce.reduce
    with torch.no_grad():
        excite[0].weight.copy_(excite[0].weight[:, order].clone())
        excite[2].weight.copy_(excite[2].weight[order].clone())
        reduce[0].weight.copy_(reduce[0].weight[:, order].clone())
    torch.testing.assert_close(plain(*inputs), interleaved(*inputs))


def test_every_parameter_gets_a_gradient():
    module = TriFusion(32, deeper_channels=64)
    module(*make_inputs()).square().sum().backward()
    assert [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_refuses_a_map_that_does_not_fit_the_deeper_one():
    before, after, deeper = make_inputs()
    with pytest.raises(ValueError, match=r'twice as high .* \(4, 6\), but got \(4, 5\)'):
        TriFusion(32, deeper_channels=64)(before[..., :5], after[..., :5], deeper)
