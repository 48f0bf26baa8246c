import pytest
import torch
from torch import nn

from mmcd.models.layers.temporal_cross_attention import CrossDateBlock, TemporalCrossAttention


def no_drops(channels: int, patch_size: int = 1) -> TemporalCrossAttention:
    return TemporalCrossAttention(
        channels, patch_size=patch_size, attention_dropout=0.0, dropout=0.0, drop_path=0.0
    )


def fill_randomly(module: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
    return module


@pytest.fixture
def dates() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(2, 8, 4, 12), torch.randn(2, 8, 4, 12)


@pytest.mark.parametrize('patch_size', [1, 2, 4])
def test_rectangles_keep_their_shape(dates, patch_size):
    before, after = no_drops(8, patch_size)(*dates)
    assert before.shape == after.shape == dates[0].shape


def test_block_follows_the_formula_written_out(dates):
    """Matrix products written out date by date, against the batched fused attention."""
    block = CrossDateBlock(8, attention_dropout=0.0, dropout=0.0, drop_path=0.0)
    fill_randomly(block).eval()
    before, after = (x.flatten(2).transpose(1, 2) for x in dates)
    b, a = block.input_norm(before), block.input_norm(after)
    q_b, k_b, v_b = (block.qkv_norm(b @ w.T) for w in block.qkv.weight.chunk(3))
    q_a, k_a, v_a = (block.qkv_norm(a @ w.T) for w in block.qkv.weight.chunk(3))
    context_a = (q_b @ k_a.transpose(1, 2) / 8**0.5).softmax(-1) @ v_a
    context_b = (q_a @ k_b.transpose(1, 2) / 8**0.5).softmax(-1) @ v_b
    b, a = block.context_norm(b + context_b), block.context_norm(a + context_a)
    expected = torch.cat([b + block.mlp(b), a + block.mlp(a)])
    torch.testing.assert_close(block(torch.cat([before, after])), expected, rtol=1e-5, atol=1e-5)


def test_time_tokens_start_at_zero_and_tell_the_dates_apart(dates):
    module = no_drops(8, 2).eval()
    assert not module.before_token.any()
    assert not module.after_token.any()
    swapped = module(dates[1], dates[0])
    for one, other in zip(module(*dates), reversed(swapped), strict=True):
        torch.testing.assert_close(one, other)
    fill_randomly(module)
    assert not torch.allclose(module(*dates)[0], module(dates[1], dates[0])[1], atol=1e-3)


def test_before_token_is_added_to_before(dates):
    """With the tokens' difference moved into the images themselves, nothing changes."""
    module = no_drops(8).eval()
    with torch.no_grad():
        module.embed.weight.copy_(torch.eye(8)[:, :, None, None])
        module.before_token.copy_(torch.arange(8.0))
    context = module(*dates)[0] - dates[0]
    shifted = dates[0] + torch.arange(8.0)[:, None, None]
    with torch.no_grad():
        module.before_token.zero_()
    torch.testing.assert_close(module(shifted, dates[1])[0] - shifted, context, rtol=0, atol=1e-4)


def test_projecting_before_upsampling_equals_the_published_order(dates):
    module = fill_randomly(no_drops(8, 4)).eval()
    both = torch.cat(dates)
    embedded = module.embed(both)
    tokens = embedded.flatten(2).transpose(1, 2)
    tokens = torch.cat([tokens[:2] + module.before_token, tokens[2:] + module.after_token])
    context = module.block(tokens).transpose(1, 2).unflatten(2, embedded.shape[2:])
    context = nn.UpsamplingBilinear2d(size=both.shape[2:])(context)  # aligns corners
    expected = both + module.norm(module.project(context))
    torch.testing.assert_close(torch.cat(module(*dates)), expected, rtol=1e-4, atol=1e-5)


def test_batch_norm_sees_both_dates_at_once(dates):
    module = no_drops(8)
    before, after = module(*dates)
    context = torch.cat([before - dates[0], after - dates[1]])
    assert module.norm.num_batches_tracked == 1
    torch.testing.assert_close(context.mean(dim=(0, 2, 3)), torch.zeros(8), rtol=0, atol=1e-5)


def test_drops_act_in_training_only(dates):
    module = fill_randomly(TemporalCrossAttention(8, patch_size=1, drop_path=0.5))
    assert not torch.equal(module(*dates)[0], module(*dates)[0])
    module.eval()
    assert torch.equal(module(*dates)[0], module(*dates)[0])


def test_every_parameter_gets_a_gradient(dates):
    module = fill_randomly(TemporalCrossAttention(8, patch_size=2, drop_path=0.0))
    before, after = module(*dates)
    (before.square().sum() + after.pow(3).sum()).backward()
    assert [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []


@pytest.mark.parametrize('size', [(6, 8), (8, 6)])
def test_refuses_maps_that_patches_do_not_fill(size):
    x = torch.zeros(1, 8, *size)
    with pytest.raises(ValueError, match=rf'multiples of the patch size 4, but got {size[0]} x'):
        no_drops(8, 4)(x, x)
