"""Confusion counts of a change map and the ratios made from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmcd.structures.change_classes import IGNORED, UNCHANGED


class ConfusionCounts(NamedTuple):
    """Pixels by prediction and label, of change of any kind: numbers, or arrays of them."""

    true_positives: Any
    false_positives: Any
    false_negatives: Any
    true_negatives: Any


def count_classes(
    prediction: Tensor | np.ndarray,
    label: Tensor | np.ndarray,
    num_classes: int = 2,
    ignore_index: int = IGNORED,
) -> np.ndarray:
    """Count one map's pixels by class; those with the ignore index in the label do not count.

    Args:
        prediction: class indices, a tensor or an array.
        label: class indices, or the ignore index: a file's values are decoded before
            (:class:`mmcd.datasets.label_encoding.LabelEncoding`), since 255 does not count here.
        num_classes: K.
        ignore_index: the label value that does not count.

    Shape:
        ``prediction``, ``label``: the same shape, such as (H, W); returns (K, K) int64, a row for
        each class of the label.

    Raises:
        ValueError: the shapes differ, the prediction is no class indices, or there are other
            values.
    """
    prediction, label = torch.as_tensor(prediction), torch.as_tensor(label)
    if prediction.shape != label.shape:
        raise ValueError(
            f'Prediction and label differ in shape: {tuple(prediction.shape)} and '
            f"{tuple(label.shape)}. Bring the prediction to the label's size first."
        )
    if prediction.is_floating_point() and (prediction % 1 != 0).any():
        raise ValueError(
            'Expected class indices as prediction, but got numbers that are not whole. Of '
            'probabilities, give those that exceed a threshold: prediction > 0.5.'
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
    """Counts of change of any kind, from those of the classes.

    Shape:
        (K, K) to Python's integers, which are exact; (..., K, K) of floats to arrays (...).
    """
    changed = slice(UNCHANGED + 1, None)
    counts = (
        matrix[..., changed, changed].sum((-2, -1)),
        matrix[..., UNCHANGED, changed].sum(-1),
        matrix[..., changed, UNCHANGED].sum(-1),
        matrix[..., UNCHANGED, UNCHANGED],
    )
    return ConfusionCounts(*(map(int, counts) if matrix.ndim == 2 else counts))


def count_pixels(
    prediction: Tensor | np.ndarray,
    label: Tensor | np.ndarray,
    ignore_index: int = IGNORED,
    num_classes: int = 2,
) -> ConfusionCounts:
    """Count one map's pixels by change of any kind: see :func:`count_classes`.

    Raises:
        ValueError: see there.
    """
    return change_counts(count_classes(prediction, label, num_classes, ignore_index))


def sum_counts(counts: Iterable[ConfusionCounts]) -> ConfusionCounts:
    """Counts over all maps; Python's integers do not overflow."""
    return ConfusionCounts(*(sum(column) for column in zip((0, 0, 0, 0), *counts, strict=True)))


def change_ratios(counts: ConfusionCounts) -> dict[str, Any]:
    """Ratios of change of any kind, in percent; 0/0 is 0.

    A model that never finds a change thus has precision, recall, F1 and IoU 0, not undefined.

    Args:
        counts: Python's integers, or arrays of floats of one shape.

    Returns:
        floats, or arrays of the counts' shape:
        ``precision``, ``recall``, ``f1``, ``iou`` of change, overall accuracy ``oa`` and
        Cohen's ``kappa`` (Cohen, "A Coefficient of Agreement for Nominal Scales", 1960).
    """
    tp, fp, fn, tn = counts
    total = tp + fp + fn + tn
    observed = tp + tn  # in units of 1 / total
    # Agreement by chance, in units of 1 / total^2: exact in integers.
    chance = (tp + fp) * (tp + fn) + (fn + tn) * (fp + tn)
    return {
        'precision': percent(tp, tp + fp),
        'recall': percent(tp, tp + fn),
        'f1': percent(2 * tp, 2 * tp + fp + fn),
        'iou': percent(tp, tp + fp + fn),
        'oa': percent(observed, total),
        'kappa': percent(observed * total - chance, total * total - chance),
    }


def class_ratios(matrix: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
    """IoU and F1 of each class, in percent, and their means.

    A class that neither the labels nor the predictions hold has 0 and is left out of the means, as
    in MMSegmentation.

    Args:
        matrix: pixels of each class of the label (rows) and the prediction.
        names: of the classes.

    Shape:
        matrix: (K, K), or (..., K, K) of floats, which gives arrays (...).

    Returns:
        ``iou_NAME`` and ``f1_NAME`` of each class, blanks in its name replaced by ``_``; ``miou``
        and ``mf1``.
    """
    both = np.diagonal(matrix, axis1=-2, axis2=-1)
    predicted, labelled = matrix.sum(-2), matrix.sum(-1)
    each = {
        'iou': percent(both, predicted + labelled - both),
        'f1': percent(2 * both, predicted + labelled),
    }
    return ratios_by_class(each, predicted + labelled > 0, names)


def ratios_by_class(
    each: Mapping[str, np.ndarray], present: np.ndarray, names: Sequence[str]
) -> dict[str, Any]:
    """Name the ratios of each class, and add their means over the classes that occur.

    Args:
        each: ratios by their names.
        present: whether a class counts in the means.
        names: of the classes.

    Shape:
        ``each``, ``present``: (..., K); the ratios returned are floats, or arrays (...).
    """
    ratios: dict[str, Any] = {
        '_'.join((key, *name.split())): plain(values[..., index])
        for index, name in enumerate(names)
        for key, values in each.items()
    }
    number = np.maximum(present.sum(-1), 1)
    means = {
        f'm{key}': np.where(present, values, 0).sum(-1) / number for key, values in each.items()
    }
    return ratios | {key: plain(mean) for key, mean in means.items()}


def percent(numerator: Any, denominator: Any) -> Any:
    """A ratio in percent, where 0/0 is 0: exact of Python's integers, or element by element."""
    if isinstance(denominator, np.ndarray):
        out = np.zeros(denominator.shape)
        return np.divide(100.0 * numerator, denominator, out=out, where=denominator != 0)
    return 100 * numerator / denominator if denominator else 0.0


def plain(value: Any) -> Any:
    """One number as Python's; arrays as they are."""
    return float(value) if np.ndim(value) == 0 else value
