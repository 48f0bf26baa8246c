from __future__ import annotations

import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics

from mmcd.evaluation import (
    ConfusionCounts,
    change_counts,
    change_ratios,
    class_ratios,
    count_classes,
    count_pixels,
    sum_counts,
)


def random_maps(seed: int, change: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    label = (torch.rand(37, 53, generator=generator) < change).long()
    wrong = torch.rand(37, 53, generator=generator) < 0.2
    label[torch.rand(37, 53, generator=generator) < 0.1] = 255
    prediction = torch.where(wrong, 1 - label.clamp(max=1), label.clamp(max=1))
    return prediction, label


def test_counts_are_exact():
    label = torch.tensor([[0, 0, 0, 1, 1, 255, 255, 1]])
    prediction = torch.tensor([[0, 1, 1, 1, 0, 0, 1, 1]])
    counts = count_pixels(prediction, label)
    assert counts == ConfusionCounts(
        true_positives=2, false_positives=2, false_negatives=1, true_negatives=1
    )
    assert all(type(count) is int for count in counts)


def test_counts_do_not_depend_on_the_type():
    prediction, label = random_maps(0)
    expected = count_pixels(prediction, label)
    for dtype in (torch.uint8, torch.int32, torch.float32):
        assert count_pixels(prediction.to(dtype), label.to(torch.uint8)) == expected


def test_another_ignore_index():
    label = torch.tensor([0, 1, 7])
    assert sum(count_pixels(torch.tensor([0, 1, 1]), label, ignore_index=7)) == 2
    with pytest.raises(ValueError, match=r'classes 0 and 1 \(and 255 in the label\).*\[0, 1, 7\]'):
        count_pixels(torch.tensor([0, 1, 1]), label)


def test_all_ignored():
    assert count_pixels(torch.zeros(3, 3), torch.full((3, 3), 255)) == (0, 0, 0, 0)


@pytest.mark.parametrize('prediction', [[0, 2], [0, -1], [0, 255]])
def test_other_classes_are_refused(prediction):
    with pytest.raises(ValueError, match='Expected the classes 0 and 1'):
        count_pixels(torch.tensor(prediction), torch.tensor([0, 1]))


def test_shapes_must_agree():
    with pytest.raises(ValueError, match=r'differ in shape: \(2, 3\) and \(3, 2\)'):
        count_pixels(torch.zeros(2, 3), torch.zeros(3, 2))


def test_sum_of_counts():
    first, second = ConfusionCounts(1, 2, 3, 4), ConfusionCounts(10, 20, 30, 40)
    assert sum_counts([first, second]) == (11, 22, 33, 44)
    assert sum_counts([]) == (0, 0, 0, 0)
    # Beyond 64 bit, and beyond what a float holds exactly.
    assert sum_counts([ConfusionCounts(2**63, 0, 0, 1)] * 3).true_positives == 3 * 2**63


@pytest.mark.parametrize('seed', range(5))
def test_ratios_are_scikit_learn_s(seed):
    prediction, label = random_maps(seed, change=0.05 + 0.2 * seed)
    ratios = change_ratios(count_pixels(prediction, label))
    valid = label.numpy() != 255
    y_true, y_pred = label.numpy()[valid], prediction.numpy()[valid]
    expected = {
        'precision': metrics.precision_score(y_true, y_pred),
        'recall': metrics.recall_score(y_true, y_pred),
        'f1': metrics.f1_score(y_true, y_pred),
        'iou': metrics.jaccard_score(y_true, y_pred),
        'oa': metrics.accuracy_score(y_true, y_pred),
        'kappa': metrics.cohen_kappa_score(y_true, y_pred),
    }
    assert ratios == pytest.approx({key: 100 * value for key, value in expected.items()}, rel=1e-12)


@pytest.mark.parametrize(
    ('counts', 'expected'),
    [
        # Never finds a change that is there.
        ((0, 0, 5, 95), dict(precision=0, recall=0, f1=0, iou=0, oa=95, kappa=0)),
        # Finds changes where there are none.
        ((0, 5, 0, 95), dict(precision=0, recall=0, f1=0, iou=0, oa=95, kappa=0)),
        # Nothing to find and nothing found.
        ((0, 0, 0, 100), dict(precision=0, recall=0, f1=0, iou=0, oa=100, kappa=0)),
        ((100, 0, 0, 0), dict(precision=100, recall=100, f1=100, iou=100, oa=100, kappa=0)),
        ((0, 0, 0, 0), dict(precision=0, recall=0, f1=0, iou=0, oa=0, kappa=0)),
        ((5, 0, 0, 95), dict(precision=100, recall=100, f1=100, iou=100, oa=100, kappa=100)),
        ((0, 50, 50, 0), dict(precision=0, recall=0, f1=0, iou=0, oa=0, kappa=-100)),
    ],
)
def test_edges(counts, expected):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        ratios = change_ratios(ConfusionCounts(*counts))
    assert ratios == expected
    assert all(type(value) is float for value in ratios.values())


def test_a_data_set_s_size_loses_no_digit():
    """LEVIR-CD's test split has 134 million pixels: kappa's products go beyond 64 bit."""
    counts = ConfusionCounts(5_837_339, 500_123, 1_000_321, 2**62)
    exact = np.array(counts, dtype=object)
    tp, fp, fn, tn = exact
    n = exact.sum()
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    expected = float(100 * Fraction((tp + tn) * n - chance, n * n - chance))
    assert change_ratios(counts)['kappa'] == pytest.approx(expected, rel=1e-12)


def random_classes(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(number)
    label = torch.randint(0, number, (40, 50), generator=generator)
    drawn = torch.randint(0, number, label.shape, generator=generator)
    prediction = torch.where(torch.rand(label.shape, generator=generator) < 0.6, label, drawn)
    label[:, 0] = 255
    return prediction, label


@pytest.mark.parametrize('number', [2, 3, 7])
def test_class_counts_and_ratios_are_those_of_scikit_learn(number):
    prediction, label = random_classes(number)
    matrix = count_classes(prediction, label, number)
    given, expected = prediction[:, 1:].ravel(), label[:, 1:].ravel()
    assert (matrix == metrics.confusion_matrix(expected, given)).all()
    names = [f'kind {index}' for index in range(number)]
    ratios = class_ratios(matrix, names)
    for score, key in ((metrics.jaccard_score, 'iou'), (metrics.f1_score, 'f1')):
        each = 100 * score(expected, given, average=None)
        found = [ratios[f'{key}_kind_{index}'] for index in range(number)]
        assert found == pytest.approx(each.tolist())
        assert ratios[f'm{key}'] == pytest.approx(each.mean())


@pytest.mark.parametrize('number', [2, 3, 7])
def test_change_of_any_kind(number):
    """Counted by classes and put together, or put together first: the same."""
    prediction, label = random_classes(number)
    together = torch.where(label == 255, label, (label > 0).long())
    expected = count_pixels((prediction > 0).long(), together)
    assert change_counts(count_classes(prediction, label, number)) == expected
    assert count_pixels(prediction, label, num_classes=number) == expected


def test_absent_classes_are_left_out_of_the_means():
    matrix = count_classes(torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 0]), 3)
    ratios = class_ratios(matrix, ['unchanged', 'built', 'razed'])
    assert (ratios['iou_razed'], ratios['f1_razed']) == (0, 0)
    assert ratios['miou'] == pytest.approx((200 / 3 + 50) / 2)


def test_classes_beyond_the_number_are_refused():
    with pytest.raises(ValueError, match=r'classes 0 to 2 .*\[0, 3\]'):
        count_classes(torch.tensor([0, 3]), torch.tensor([0, 0]), 3)


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_maps_give_ratios_that_hold_together(data: st.DataObject) -> None:
    """Counts add up over any parts, in any order; ratios from 0 to 100 bound each other."""
    classes = st.sampled_from([0, 1])
    prediction = torch.from_numpy(data.draw(arrays(np.uint8, (6, 7), elements=classes)))
    label = torch.from_numpy(
        data.draw(arrays(np.uint8, (6, 7), elements=st.sampled_from([0, 1, 255])))
    )
    whole = count_pixels(prediction, label)
    cut = data.draw(st.integers(0, 6))
    parts = [count_pixels(prediction[rows], label[rows]) for rows in (slice(cut, None), slice(cut))]
    assert sum_counts(parts) == whole and sum(whole) == int((label != 255).sum())
    ratios = {key: value for key, value in change_ratios(whole).items() if key != 'kappa'}
    assert all(0 <= value <= 100 for value in ratios.values())
    f1, low = ratios['f1'], min(ratios['precision'], ratios['recall'])
    assert low - 1e-9 <= f1 <= max(ratios['precision'], ratios['recall']) + 1e-9
    assert ratios['iou'] <= f1 + 1e-9
    mirrored = change_ratios(count_pixels(label.where(label < 2, 0), prediction))
    if (label < 2).all():
        assert mirrored['precision'] == ratios['recall'] and mirrored['f1'] == pytest.approx(f1)


def test_arrays_count_as_tensors_do() -> None:
    prediction, label = np.array([[0, 1, 1]], np.uint8), np.array([[0, 1, 255]], np.uint8)
    assert count_pixels(prediction, label) == (1, 0, 0, 1)


def test_probabilities_are_no_classes() -> None:
    with pytest.raises(ValueError, match=r'Expected class indices .*not whole.* > 0\.5'):
        count_pixels(torch.tensor([0.2, 0.9]), torch.tensor([0, 1]))
