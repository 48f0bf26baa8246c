"""Confusion counts of a change map and the ratios made from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor


class ConfusionCounts(NamedTuple):
    """Pixels by prediction and label, of the change class."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def count_pixels(prediction: Tensor, label: Tensor, ignore_index: int = 255) -> ConfusionCounts:
    """Count one map's pixels; those with the ignore index in the label are left out.

    Args:
        prediction: 0 unchanged, 1 changed.
        label: 0 unchanged, 1 changed, or the ignore index.
        ignore_index: the label value that does not count.

    Shape:
        ``prediction``, ``label``: the same shape, such as (H, W).

    Raises:
        ValueError: the shapes differ, or there are other values.
    """
    if prediction.shape != label.shape:
        raise ValueError(
            f'Prediction and label differ in shape: {tuple(prediction.shape)} and '
            f"{tuple(label.shape)}. Bring the prediction to the label's size first."
        )
    valid = label != ignore_index
    prediction, label = prediction[valid].long(), label[valid].long()
    if ((prediction | label) & ~1).any():
        raise ValueError(
            f'Expected the classes 0 and 1 (and {ignore_index} in the label), but found '
            f'{sorted(set(prediction.unique().tolist()) | set(label.unique().tolist()))}.'
        )
    tn, fp, fn, tp = torch.bincount(2 * label + prediction, minlength=4).tolist()
    return ConfusionCounts(tp, fp, fn, tn)


def sum_counts(counts: Iterable[ConfusionCounts]) -> ConfusionCounts:
    """Counts over all maps; Python's integers do not overflow."""
    return ConfusionCounts(*(sum(column) for column in zip((0, 0, 0, 0), *counts, strict=True)))


def change_ratios(counts: ConfusionCounts) -> dict[str, float]:
    """Ratios of the change class, in percent; 0/0 is 0.

    A model that never finds a change thus has precision, recall, F1 and IoU 0, not undefined.

    Returns:
        ``precision``, ``recall``, ``f1``, ``iou`` of the change class, overall accuracy ``oa`` and
        Cohen's ``kappa`` (Cohen, "A Coefficient of Agreement for Nominal Scales", 1960).
    """
    tp, fp, fn, tn = counts
    total = tp + fp + fn + tn
    observed = tp + tn  # in units of 1 / total
    # Agreement by chance, in units of 1 / total^2: exact in integers.
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    return {
        'precision': _percent(tp, tp + fp),
        'recall': _percent(tp, tp + fn),
        'f1': _percent(2 * tp, 2 * tp + fp + fn),
        'iou': _percent(tp, tp + fp + fn),
        'oa': _percent(observed, total),
        'kappa': _percent(observed * total - chance, total * total - chance),
    }


def _percent(numerator: int, denominator: int) -> float:
    return 100 * numerator / denominator if denominator else 0.0
