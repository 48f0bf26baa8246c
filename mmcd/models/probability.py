"""From a predicted sample to the probability of change."""

from __future__ import annotations

from mmseg.structures import SegDataSample
from torch import Tensor


def change_probability(sample: SegDataSample) -> Tensor:
    """The probability of change of each pixel, (H, W) float32.

    ``seg_logits`` holds logits of two classes, (2, H, W), or, for heads of one channel, what
    MMSegmentation has passed through the sigmoid already, (1, H, W).
    """
    scores = sample.seg_logits.data.float()
    return scores.softmax(dim=0)[1] if scores.shape[0] > 1 else scores[0]


def probability_of_logits(logits: Tensor) -> Tensor:
    """From logits (N, 1 or 2, H, W) to the probability of change (N, 1, H, W)."""
    return logits.softmax(1)[:, 1:2] if logits.shape[1] > 1 else logits.sigmoid()
