import pytest
import torch
from torch.nn import functional as F

from mmcd.models.layers.point_refinement import (
    PointRefinement,
    ProgressiveRefinement,
    point_count,
    point_loss,
    read_points,
    sample_points,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def make_coarse(height: int = 16, width: int = 24) -> torch.Tensor:
    return 3 * torch.randn(2, 1, height, width, generator=seeded(7))


@pytest.mark.parametrize(
    ('height', 'width', 'count'), [(16, 16, 16), (128, 128, 128), (8, 18, 12), (2, 3, 2), (1, 1, 1)]
)
def test_point_count_is_the_square_root_of_the_area(height, width, count):
    assert point_count(height, width) == count


def test_read_points_reads_pixel_centres_exactly():
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    points = torch.tensor([[[2.5 / 4, 1.5 / 3], [0.5 / 4, 2.5 / 3]]])  # x, y
    for mode in ('bilinear', 'nearest'):
        torch.testing.assert_close(
            read_points(maps, points, mode=mode), torch.tensor([[[6.0, 8.0]]])
        )


def test_read_points_halves_at_the_border():
    assert read_points(torch.ones(1, 1, 4, 4), torch.tensor([[[0.0, 0.5]]])).item() == 0.5


@pytest.mark.parametrize('count', [1, 2, 7, 16, 33])
def test_sampled_points_are_as_many_as_asked_and_in_the_square(count):
    points = sample_points(make_coarse(), count, generator=seeded())
    assert points.shape == (2, count, 2)
    assert points.min() >= 0
    assert points.max() < 1


@pytest.mark.parametrize('count', [7, 16, 33])
def test_three_quarters_are_the_most_uncertain_of_the_drawn(count):
    coarse, kept = make_coarse(), 3 * count // 4
    points = sample_points(coarse, count, generator=seeded())
    # The same draws over again: first the 2n candidates, then the uniform rest.
    source = seeded()
    drawn = torch.rand(2, 2 * count, 2, generator=source)
    rest = torch.rand(2, count - kept, 2, generator=source)
    doubt = (read_points(coarse, drawn).sigmoid() - 0.5).abs().squeeze(1)
    for sample in range(2):
        chosen = {tuple(p) for p in points[sample, :kept].tolist()}
        by_doubt = drawn[sample][doubt[sample].argsort()].tolist()
        assert chosen == {tuple(p) for p in by_doubt[:kept]}
    assert torch.equal(points[:, kept:], rest)


def test_samples_of_a_batch_get_points_of_their_own():
    points = sample_points(make_coarse()[:1].expand(2, -1, -1, -1), 16, generator=seeded())
    assert not torch.equal(points[0], points[1])


def test_sampling_is_reproducible_under_a_seed():
    coarse = make_coarse()
    one, same, other = (sample_points(coarse, 16, generator=seeded(s)) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    torch.manual_seed(3)
    by_global_seed = sample_points(coarse, 16)
    torch.manual_seed(3)
    assert torch.equal(by_global_seed, sample_points(coarse, 16))


def test_sampling_does_not_touch_the_global_generator():
    state = torch.get_rng_state()
    sample_points(make_coarse(), 16, generator=seeded())
    assert torch.equal(state, torch.get_rng_state())


def test_ignored_points_leave_the_loss():
    logits = torch.tensor([[[2.0, -1.0, 0.5]]])
    loss = point_loss(logits, torch.tensor([[[1.0, 0.0, 255.0]]]))
    expected = F.binary_cross_entropy_with_logits(logits[..., :2], torch.tensor([[[1.0, 0.0]]]))
    torch.testing.assert_close(loss, expected)


def test_a_loss_without_labels_is_zero_and_still_reaches_the_logits():
    logits = torch.ones(1, 1, 3, requires_grad=True)
    loss = point_loss(logits, torch.full((1, 1, 3), 255.0))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(1, 1, 3))


def test_level_loss_reads_the_label_at_the_points():
    """A head that answers 20 everywhere is right on changed ground and wrong elsewhere."""
    level = PointRefinement(8).eval()
    with torch.no_grad():
        level.mlp.fc2.weight.zero_()
        level.mlp.fc2.bias.fill_(20.0)
    features, label = torch.randn(2, 8, 16, 16), torch.zeros(2, 64, 64, dtype=torch.long)
    assert level(features, label, generator=seeded()).item() == pytest.approx(20)
    assert level(features, label + 1, generator=seeded()).item() == pytest.approx(0, abs=1e-6)
    label[:, :, :32] = 255
    label[:, :, 32:] = 1
    assert level(features, label, generator=seeded()).item() == pytest.approx(0, abs=1e-6)
    label[:, 32:] = 0  # three quarters of the ground count for nothing or are changed
    assert 0 < level(features, label, generator=seeded()).item() < 20


def test_coarse_logit_gets_its_gradient_through_the_points_only():
    level = PointRefinement(8).eval()
    features = torch.randn(1, 8, 4, 4)
    coarse = level.coarse_logit(features).detach().requires_grad_()
    points = torch.tensor([[[0.5 / 4, 0.5 / 4]]])  # the centre of the first cell
    level.refine(features, coarse, points).sum().backward()
    assert coarse.grad[0, 0, 0, 0] != 0
    assert not coarse.grad.flatten()[1:].any()


def test_progressive_loss_is_the_mean_over_levels_and_trains_everything():
    torch.manual_seed(0)
    module = ProgressiveRefinement(in_channels=(8, 16))
    fused = (torch.randn(2, 8, 16, 16), torch.randn(2, 16, 8, 8))
    fused = tuple(f.requires_grad_() for f in fused)
    label = torch.randint(0, 2, (2, 64, 64))
    module.eval()
    source = seeded()
    each = [m(f, label, generator=source) for m, f in zip(module.levels, fused, strict=True)]
    loss = module(fused, label, generator=seeded())
    torch.testing.assert_close(loss, torch.stack(each).mean())
    loss.backward()
    assert [n for n, p in module.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert all(f.grad.any() for f in fused)


def test_works_in_bfloat16_autocast():
    module = ProgressiveRefinement(in_channels=(8, 16))
    fused = (torch.randn(2, 8, 16, 16), torch.randn(2, 16, 8, 8))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = module(fused, torch.randint(0, 2, (2, 64, 64)))
    assert loss.dtype == torch.float32
    assert loss.isfinite()
    loss.backward()
