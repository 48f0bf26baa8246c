"""The head that is trained on the buildings of both dates."""

from __future__ import annotations

import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.models.decode_heads.building_change_head import BuildingChangeHead, merge_cases
from tests.models.building import build_model, random_batch


def test_merged_logits_give_the_sum_of_the_cases_probabilities() -> None:
    logits = 5 * torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(0))
    cases, classes = logits.softmax(dim=1), merge_cases(logits).softmax(dim=1)
    torch.testing.assert_close(classes[:, 0], cases[:, 0] + cases[:, 3])
    torch.testing.assert_close(classes[:, 1], cases[:, 1] + cases[:, 2])


def test_four_cases_are_trained_and_two_classes_predicted() -> None:
    model = build_model('buildings_synthetic.py')
    inputs, _ = random_batch(2, 32, 32)
    assert model.train()(inputs, mode='tensor').shape == (2, 4, 32, 32)
    assert model.eval()(inputs, mode='tensor').shape == (2, 2, 32, 32)


@pytest.mark.parametrize('case', range(4))
def test_the_loss_falls_to_nothing_where_the_cases_are_told_apart(case: int) -> None:
    head = BuildingChangeHead([4, 8], convs_per_level=(1, 1))
    label = torch.full((1, 8, 8), case)
    right = torch.nn.functional.one_hot(label, 4).permute(0, 3, 1, 2) * 30.0
    wrong = right.roll(1, dims=1)
    assert head.output_loss(right, label) < 1e-3 + float(
        head.loss_change(merge_cases(right), ((label == 1) | (label == 2)).long())
    )
    assert head.output_loss(wrong, label) > 10


def test_what_is_ignored_does_not_count() -> None:
    head = BuildingChangeHead([4, 8], convs_per_level=(1, 1))
    logits = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    label = torch.randint(4, (1, 8, 8), generator=torch.Generator().manual_seed(1))
    label[:, 4:] = 255
    changed = logits.clone()
    changed[:, :, 4:] = -logits[:, :, 4:]
    torch.testing.assert_close(head.output_loss(changed, label), head.output_loss(logits, label))


def test_four_cases_are_of_two_classes() -> None:
    with pytest.raises(ConfigError, match=r'needs num_classes=2, .* got num_classes=3'):
        BuildingChangeHead([8, 8, 8, 8], num_classes=3)
