"""Confusion counts of a change map and the ratios made from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmcd.structures.change_classes import IGNORED, UNCHANGED


class ConfusionCounts(NamedTuple):
    """Pixels by prediction and label, of change of any kind."""

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


def count_classes(
    prediction: Tensor, label: Tensor, num_classes: int = 2, ignore_index: int = IGNORED
) -> np.ndarray:
    """Count one map's pixels by class; those with the ignore index in the label do not count.

    Args:
        prediction: class indices.
        label: class indices, or the ignore index.
        num_classes: K.
        ignore_index: the label value that does not count.

    Shape:
        ``prediction``, ``label``: the same shape, such as (H, W); returns (K, K) int64, a row for
        each class of the label.

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
    for values in (prediction, label):
        if values.numel() and not 0 <= values.min() <= values.max() < num_classes:
            found = sorted(set(prediction.unique().tolist()) | set(label.unique().tolist()))
            between = ' and ' if num_classes == 2 else ' to '
            raise ValueError(
                f'Expected the classes 0{between}{num_classes - 1} (and {ignore_index} in the '
                f'label), but found {found}.'
            )
    pairs = torch.bincount(num_classes * label + prediction, minlength=num_classes**2)
    return pairs.reshape(num_classes, num_classes).cpu().numpy()


def change_counts(matrix: np.ndarray) -> ConfusionCounts:
    """Counts of change of any kind, from those of the classes, (K, K)."""
    changed = slice(UNCHANGED + 1, None)
    return ConfusionCounts(
        int(matrix[changed, changed].sum()),
        int(matrix[UNCHANGED, changed].sum()),
        int(matrix[changed, UNCHANGED].sum()),
        int(matrix[UNCHANGED, UNCHANGED]),
    )


def count_pixels(
    prediction: Tensor, label: Tensor, ignore_index: int = IGNORED, num_classes: int = 2
) -> ConfusionCounts:
    """Count one map's pixels by change of any kind: see :func:`count_classes`.

    Raises:
        ValueError: see there.
    """
    return change_counts(count_classes(prediction, label, num_classes, ignore_index))


def sum_counts(counts: Iterable[ConfusionCounts]) -> ConfusionCounts:
    """Counts over all maps; Python's integers do not overflow."""
    return ConfusionCounts(*(sum(column) for column in zip((0, 0, 0, 0), *counts, strict=True)))


def change_ratios(counts: ConfusionCounts) -> dict[str, float]:
    """Ratios of change of any kind, in percent; 0/0 is 0.

    A model that never finds a change thus has precision, recall, F1 and IoU 0, not undefined.

    Returns:
        ``precision``, ``recall``, ``f1``, ``iou`` of change, overall accuracy ``oa`` and
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


def class_ratios(matrix: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """IoU and F1 of each class, in percent, and their means.

    A class that neither the labels nor the predictions hold has 0 and is left out of the means, as
    in MMSegmentation.

    Args:
        matrix: pixels of each class of the label (rows) and the prediction.
        names: of the classes.

    Shape:
        matrix: (K, K).

    Returns:
        ``iou_NAME`` and ``f1_NAME`` of each class, blanks in its name replaced by ``_``; ``miou``
        and ``mf1``.
    """
    counts = zip(
        names, matrix.diagonal().tolist(), matrix.sum(0).tolist(), matrix.sum(1).tolist(),
        strict=True,
    )  # fmt: skip
    ratios: dict[str, float] = {}
    total, present = {'iou': 0.0, 'f1': 0.0}, 0
    for name, both, predicted, labelled in counts:
        of_class = {
            'iou': _percent(both, predicted + labelled - both),
            'f1': _percent(2 * both, predicted + labelled),
        }
        present += predicted + labelled > 0
        for key, value in of_class.items():
            ratios['_'.join((key, *name.split()))] = value
            total[key] += value
    return ratios | {f'm{key}': value / max(present, 1) for key, value in total.items()}


def _percent(numerator: int, denominator: int) -> float:
    return 100 * numerator / denominator if denominator else 0.0
