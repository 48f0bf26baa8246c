from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics
from torchmetrics.functional.classification import (
    binary_average_precision,
    binary_calibration_error,
)

from mmcd.evaluation.probabilities import (
    ALL,
    CHANGE,
    THRESHOLDS,
    average_precision,
    best_threshold,
    calibration_curve,
    calibration_error,
    confusion_by_threshold,
    count_calibration,
    count_probabilities,
    precision_recall_curve,
)


def drawn(seed: int, number: int = 4000) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities that tell something of the target, away from the thresholds."""
    rng = np.random.default_rng(seed)
    target = rng.random(number) < 0.1
    raw = 1 / (1 + np.exp(-(rng.normal(-2, 1.5, number) + 3 * target)))
    probability = (np.floor(raw * 1000).clip(0, 999) + 0.5) / 1000
    return torch.from_numpy(probability).float(), torch.from_numpy(target)


@pytest.mark.parametrize('seed', range(3))
def test_average_precision_is_torchmetrics_and_scikit_learn_s(seed: int) -> None:
    probability, target = drawn(seed)
    found = average_precision(count_probabilities(probability, target))
    binned = binary_average_precision(probability, target.long(), thresholds=len(THRESHOLDS))
    assert found == pytest.approx(100 * binned.item(), rel=1e-5)
    exact = metrics.average_precision_score(target.numpy(), probability.numpy())
    assert found == pytest.approx(100 * exact, rel=1e-5)


@pytest.mark.parametrize('seed', range(3))
def test_calibration_error_is_torchmetrics_(seed: int) -> None:
    probability, target = drawn(seed)
    probability[:20] = 1.0
    predicted = probability > 0.5
    counts = count_calibration(probability, target, predicted)
    for row, chosen in ((ALL, slice(None)), (CHANGE, target | predicted)):
        expected = binary_calibration_error(probability[chosen], target[chosen].long(), n_bins=15)
        assert calibration_error(counts[row]) == pytest.approx(100 * expected.item(), rel=1e-4)
    assert calibration_error(counts[CHANGE]) > calibration_error(counts[ALL])
    assert sum(each['pixels'] for each in calibration_curve(counts[ALL])) == len(target)


def test_thresholds_are_those_that_decide_about_a_map() -> None:
    """Exceeded, not reached; exactly as the model's threshold is compared, also at 0 and 1."""
    probability = torch.tensor([0.0, 0.0, 0.5, 0.5, 0.3, 0.7, 1.0, 1.0])
    target = torch.tensor([0, 1, 0, 1, 1, 0, 1, 0], dtype=torch.bool)
    true, false, missed = confusion_by_threshold(count_probabilities(probability, target))
    assert (true[0], false[0], missed[0]) == (4, 4, 0)
    for index, threshold in enumerate(THRESHOLDS, 1):
        mask = probability > float(threshold)
        expected = [(mask & target).sum(), (mask & ~target).sum(), (~mask & target).sum()]
        assert [true[index], false[index], missed[index]] == expected, threshold


def test_the_best_threshold_is_the_best_of_all() -> None:
    probability, target = drawn(5)
    threshold, f1 = best_threshold(count_probabilities(probability, target))
    masks = [probability > t for t in THRESHOLDS]
    each = [2 * (m & target).sum().item() / (m.sum() + target.sum()).item() for m in masks]
    assert f1 == pytest.approx(100 * max(each))
    assert metrics.f1_score(target, probability > threshold) == pytest.approx(max(each))
    # Where a gap separates the two, the middle of it.
    clear = torch.tensor([0.1005] * 5 + [0.8005] * 5)
    threshold, f1 = best_threshold(count_probabilities(clear, clear > 0.5))
    assert (threshold, f1) == (pytest.approx(0.45, abs=0.002), 100)


def test_dead_and_empty_give_zero() -> None:
    dead = count_probabilities(torch.zeros(10), torch.arange(10) < 3)
    assert average_precision(dead) == pytest.approx(30)  # everything at once: the share of change
    nothing = count_probabilities(torch.zeros(10), torch.zeros(10, dtype=torch.bool))
    assert average_precision(nothing) == 0 and best_threshold(nothing)[1] == 0
    empty = torch.zeros(0)
    none = count_calibration(empty, empty.bool(), empty.bool())
    assert calibration_error(none[ALL]) == 0 and calibration_curve(none[ALL]) == []


def test_sums_over_images_are_of_all_pixels() -> None:
    probability, target = drawn(6)
    parts = probability.chunk(2), target.chunk(2)
    halves = [count_probabilities(p, t) for p, t in zip(*parts, strict=True)]
    np.testing.assert_array_equal(sum(halves), count_probabilities(probability, target))
    stacked = average_precision(np.stack(halves).astype(float))
    assert stacked.tolist() == [average_precision(half) for half in halves]


def test_the_curve_s_points() -> None:
    probability, target = drawn(7)
    curve = precision_recall_curve(count_probabilities(probability, target))
    middle = curve['threshold'].index(0.5)
    mask = probability > 0.5
    assert curve['f1'][middle] == pytest.approx(100 * metrics.f1_score(target, mask), abs=1e-3)
    assert curve['recall'][0] == 100 and curve['recall'][-1] == curve['precision'][-1] == 0
