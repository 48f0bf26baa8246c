import pytest
import torch
from torch.nn import functional as F

from mmcd.models import BinaryCrossEntropyLoss


def random_case():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(2, 1, 5, 7, generator=generator)
    return logits.requires_grad_(), torch.randint(0, 2, (2, 5, 7), generator=generator)


def test_is_pytorchs_where_nothing_is_ignored():
    logits, label = random_case()
    expected = F.binary_cross_entropy_with_logits(logits, label[:, None].float())
    assert BinaryCrossEntropyLoss()(logits, label).item() == pytest.approx(expected.item())
    assert BinaryCrossEntropyLoss(loss_weight=5.0)(logits, label).item() == pytest.approx(
        5 * expected.item()
    )


def test_ignored_pixels_count_neither_above_nor_below():
    logits, label = random_case()
    label[:, :, 3:] = 255
    loss = BinaryCrossEntropyLoss()(logits, label)
    kept = BinaryCrossEntropyLoss()(logits[..., :3], label[..., :3])
    assert loss.item() == pytest.approx(kept.item())
    loss.backward()
    assert not logits.grad[..., 3:].any() and logits.grad[..., :3].all()


def test_zero_with_a_gradient_where_all_is_ignored():
    logits, label = random_case()
    loss = BinaryCrossEntropyLoss()(logits, torch.full_like(label, 255))
    loss.backward()
    assert loss.item() == 0 and not logits.grad.any()


def test_weights_multiply_the_pixels():
    logits, label = random_case()
    weight = torch.zeros(label.shape)
    weight[0, 0, 0] = 2
    first = F.binary_cross_entropy_with_logits(logits[0, 0, 0, 0], label[0, 0, 0].float())
    loss = BinaryCrossEntropyLoss()(logits, label, weight=weight)
    assert loss.item() == pytest.approx(2 * first.item() / label.numel())


def test_half_precision_logits_are_summed_in_full_precision():
    logits, label = random_case()
    big = logits.detach().repeat(1, 1, 100, 100)
    loss = BinaryCrossEntropyLoss()(big.half(), label.repeat(1, 100, 100))
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(BinaryCrossEntropyLoss()(logits, label).item(), rel=1e-3)
