import pytest
import torch

from mmcd.models.layers.criss_cross_attention import CrissCrossAttention, JointTemporalAttention


def by_hand(module, x):
    """One pass, position by position: row and column, the position itself once."""
    query, key, value = module.query(x)[0], module.key(x)[0], module.value(x)[0]
    _, height, width = query.shape
    out = torch.empty_like(x[0])
    for i in range(height):
        for j in range(width):
            places = [(i, k) for k in range(width)] + [(k, j) for k in range(height) if k != i]
            affinity = torch.stack([query[:, i, j] @ key[:, r, c] for r, c in places])
            weight = affinity.softmax(0)
            gathered = sum(w * value[:, r, c] for w, (r, c) in zip(weight, places, strict=True))
            out[:, i, j] = module.gamma * gathered + x[0, :, i, j]
    return out[None]


@pytest.mark.parametrize('size', [(3, 5), (1, 4), (4, 1)])
def test_attends_to_row_and_column_once_each(size):
    torch.manual_seed(0)
    module = CrissCrossAttention(8, reduction=2, recurrence=1)
    module.gamma.data.fill_(0.7)
    x = torch.randn(1, 8, *size)
    torch.testing.assert_close(module(x), by_hand(module, x))


def test_recurrence_repeats_with_the_same_weights():
    torch.manual_seed(0)
    once, twice = CrissCrossAttention(8, recurrence=1), CrissCrossAttention(8, recurrence=2)
    twice.load_state_dict(once.state_dict())
    for module in (once, twice):
        module.gamma.data.fill_(0.5)
    x = torch.randn(2, 8, 4, 6)
    torch.testing.assert_close(twice(x), once(once(x)))


def test_starts_as_the_identity():
    x = torch.randn(1, 8, 4, 6)
    assert torch.equal(CrissCrossAttention(8)(x), x)


def test_a_row_reaches_the_other_date_and_a_column_does_not():
    torch.manual_seed(0)
    module = JointTemporalAttention(8, recurrence=1)
    module.gamma.data.fill_(1.0)
    before, after = torch.randn(1, 8, 4, 4), torch.randn(1, 8, 4, 4)
    moved = after.clone()
    moved[:, :, 2, 1] += 1
    changed = (module(before, moved)[0] - module(before, after)[0]).abs().amax(1)[0] > 0
    assert changed[2].all()
    assert not changed[[0, 1, 3]].any()
