import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.models import DiceLoss


def test_usual_form_by_hand():
    logits = torch.tensor([[[[0.0, 2.0]], [[1.0, -1.0]]]])  # (1, 2, 1, 2)
    label = torch.tensor([[[1, 0]]])
    p = logits.softmax(1)[0, :, 0]  # (2, 2): class, pixel
    unchanged = 2 * p[0, 1] / (p[0].sum() + 1 + 1e-7)
    changed = 2 * p[1, 0] / (p[1].sum() + 1 + 1e-7)
    expected = 1 - (unchanged + changed) / 2
    torch.testing.assert_close(DiceLoss()(logits, label), expected)


def test_released_form_averages_over_columns_too():
    torch.manual_seed(0)
    logits, label = torch.randn(2, 2, 4, 3), torch.randint(0, 2, (2, 4, 3))
    columns = [DiceLoss()(logits[..., j : j + 1], label[..., j : j + 1]) for j in range(3)]
    released = DiceLoss(per='class_and_column')(logits, label)
    torch.testing.assert_close(released, torch.stack(columns).mean())


def test_perfect_and_wrong_predictions():
    label = torch.randint(0, 2, (1, 8, 8))
    right = 50.0 * torch.stack([1 - label, label], dim=1)
    assert DiceLoss()(right, label).item() == pytest.approx(0, abs=1e-5)
    assert DiceLoss()(-right, label).item() == pytest.approx(1, abs=1e-5)


def test_ignored_pixels_count_neither_way():
    torch.manual_seed(0)
    logits, label = torch.randn(1, 2, 4, 6), torch.randint(0, 2, (1, 4, 6))
    masked = label.clone()
    masked[..., 4:] = 255
    torch.testing.assert_close(
        DiceLoss()(logits, masked), DiceLoss()(logits[..., :4], label[..., :4])
    )


def test_all_ignored_is_finite_with_a_gradient():
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = DiceLoss()(logits, torch.full((1, 4, 4), 255))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_half_precision_sums_do_not_overflow():
    logits = torch.zeros(4, 2, 256, 256, dtype=torch.float16)
    label = torch.zeros(4, 256, 256, dtype=torch.long)
    assert torch.isfinite(DiceLoss()(logits, label))


def test_unknown_form():
    with pytest.raises(ConfigError, match=r"`per` must be one of .*'class_and_column'.*'image'"):
        DiceLoss(per='image')


def test_one_logit_of_change_is_as_two():
    torch.manual_seed(0)
    logit, label = torch.randn(2, 1, 5, 6), torch.randint(0, 2, (2, 5, 6))
    label[0, 0] = 255
    p = torch.stack([(-logit).sigmoid(), logit.sigmoid()], dim=1).squeeze(2)
    t = torch.stack([label == 0, label == 1], dim=1).float()
    p = p * (label != 255).unsqueeze(1)
    expected = 1 - (2 * (p * t).sum((0, 2, 3)) / (p + t).sum((0, 2, 3))).mean()
    torch.testing.assert_close(DiceLoss()(logit, label), expected)
