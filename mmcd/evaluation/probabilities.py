"""Probabilities of change against the label: precision and recall, calibration.

What is kept of an image is a histogram, so that memory does not grow with its pixels and counts of
several processes add up exactly. torchmetrics has the same binned forms, but its states also count
what the last batch of a distributed test repeats; here there is one entry an image.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcd.evaluation.confusion import percent

# A pixel is changed where its probability exceeds the threshold, as everywhere in mmcd.
THRESHOLDS = np.linspace(0, 1, 1001)
CALIBRATION_BINS = 15  # as torchmetrics; a last one holds what is exactly 1
ALL, CHANGE = 0, 1  # pixels: all, or those changed in the label or in the map


def count_probabilities(probability: Tensor, target: Tensor) -> np.ndarray:
    """Histograms of the probability over unchanged and changed pixels.

    Shape:
        ``probability`` (N,) float32, ``target`` (N,) bool; returns (2, 1002) int32: the first
        column counts probabilities of 0, column i + 1 those above the threshold i up to the next.
    """
    edges = torch.from_numpy(THRESHOLDS.astype(np.float32)).to(probability.device)
    bins = torch.bucketize(probability, edges)  # the number of thresholds that are exceeded
    return _histogram(bins + target * (len(edges) + 1), 2 * (len(edges) + 1)).reshape(2, -1)


def count_calibration(probability: Tensor, target: Tensor, predicted: Tensor) -> np.ndarray:
    """Pixels, changed pixels and the sum of probabilities in bins of the probability.

    Args:
        probability: of change.
        target: whether the label is changed.
        predicted: whether the map is changed.

    Shape:
        (N,) each; returns (2, 16, 3) float64, for all pixels and for those changed in the label or
        in the map.
    """
    edges = torch.linspace(0, 1, CALIBRATION_BINS + 1, device=probability.device)
    bins = (torch.bucketize(probability, edges, right=True) - 1).clamp(0, CALIBRATION_BINS)
    number = CALIBRATION_BINS + 1
    counts = np.zeros((2, number, 3))
    for row, chosen in ((ALL, slice(None)), (CHANGE, target | predicted)):
        of = bins[chosen]
        counts[row, :, 0] = torch.bincount(of, minlength=number).cpu().numpy()
        # GPUs sum weights in any order, or not at all where algorithms must be deterministic.
        for column, weights in ((1, target), (2, probability)):
            summed = torch.bincount(of.cpu(), weights[chosen].double().cpu(), minlength=number)
            counts[row, :, column] = summed.numpy()
    return counts


def _histogram(bins: Tensor, number: int) -> np.ndarray:
    return torch.bincount(bins, minlength=number).cpu().numpy().astype(np.int32)


def confusion_by_threshold(histogram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True positives, false positives and false negatives by threshold.

    The first is for calling everything changed, then one for each of :data:`THRESHOLDS`.

    Shape:
        (..., 2, 1002), of sums of :func:`count_probabilities`, to (..., 1002) each.
    """
    above = np.cumsum(histogram[..., ::-1], axis=-1)[..., ::-1]
    false, true = above[..., 0, :], above[..., 1, :]
    return true, false, true[..., :1] - true


def average_precision(histogram: np.ndarray) -> Any:
    """Area under the precision-recall curve, in percent, as a sum of steps; 0 without change.

    Shape:
        (..., 2, 1002) to (...).
    """
    true, false, missed = confusion_by_threshold(histogram)
    precision, recall = percent(true, true + false), percent(true, true + missed)
    falling = -np.diff(recall, append=0.0, axis=-1)
    return (falling * precision).sum(-1) / 100


def calibration_error(counts: np.ndarray) -> Any:
    """Expected calibration error in percent: the mean gap of probability and share of change.

    Shape:
        (..., 16, 3), of sums of :func:`count_calibration`, to (...).

    Reference:
        Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", AAAI 2015.
    """
    gap = np.abs(counts[..., 2] - counts[..., 1]).sum(-1)
    return percent(gap, counts[..., 0].sum(-1))


def best_threshold(histogram: np.ndarray) -> tuple[float, float]:
    """The threshold of the highest F1 and that F1 in percent; the middle one of equals.

    Thresholds between which no probability lies give the same map; the middle one is the farthest
    from both neighbours.

    Shape:
        (2, 1002), of a whole split.
    """
    true, false, missed = (counts[1:] for counts in confusion_by_threshold(histogram))
    f1 = percent(2 * true, 2 * true + false + missed)
    first = int(f1.argmax())
    equals = first + np.flatnonzero(np.append(f1[first:] != f1[first], True))[0]
    return float(THRESHOLDS[(first + equals - 1) // 2]), float(f1[first])


def f1_at(histogram: np.ndarray, threshold: float) -> float:
    """F1 in percent at the nearest of :data:`THRESHOLDS`.

    Shape:
        (2, 1002), of a whole split.
    """
    index = int(np.abs(THRESHOLDS - threshold).argmin()) + 1
    true, false, missed = (counts[index] for counts in confusion_by_threshold(histogram))
    return float(percent(2 * int(true), int(2 * true + false + missed)))


def precision_recall_curve(histogram: np.ndarray) -> dict[str, list[float]]:
    """The curve in percent, a point a threshold.

    Shape:
        (2, 1002), of a whole split.
    """
    true, false, missed = (counts[1:] for counts in confusion_by_threshold(histogram))
    return dict(
        threshold=THRESHOLDS.round(3).tolist(),
        precision=percent(true, true + false).round(4).tolist(),
        recall=percent(true, true + missed).round(4).tolist(),
        f1=percent(2 * true, 2 * true + false + missed).round(4).tolist(),
    )


def calibration_curve(counts: np.ndarray) -> list[dict[str, float]]:
    """For each bin that holds pixels: its bounds, pixels, mean probability, share of change.

    Shape:
        (16, 3), of a whole split.
    """
    edges = np.append(np.linspace(0, 1, CALIBRATION_BINS + 1), 1.0)
    return [
        dict(
            low=float(edges[index]),
            high=float(edges[index + 1]),
            pixels=int(pixels),
            probability=float(total / pixels),
            changed=float(changed / pixels),
        )
        for index, (pixels, changed, total) in enumerate(counts)
        if pixels
    ]
