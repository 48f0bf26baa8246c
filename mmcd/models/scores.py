"""From logits to class scores that sum to one, and to classes."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from mmcd.models.model_description import classes_of, threshold_of


def scores_of_logits(logits: Tensor) -> Tensor:
    """Class scores of a network's logits.

    Shape:
        (N, K, H, W) to the same, by the softmax; (N, 1, H, W), one logit of change, to
        (N, 2, H, W), unchanged first.
    """
    if logits.shape[1] > 1:
        return logits.softmax(dim=1)
    changed = logits.sigmoid()
    return torch.cat([1 - changed, changed], dim=1)


def scores_of_sample(sample: SegDataSample) -> Tensor:
    """Class scores (K, H, W) float32 of a predicted sample.

    See :func:`scores_of_predicted`.
    """
    return scores_of_predicted(sample.seg_logits.data)


def scores_of_predicted(seg_logits: Tensor) -> Tensor:
    """Class scores (K, H, W) float32 from a predicted sample's ``seg_logits``.

    They are logits (K, H, W), or, for heads of one channel, what MMSegmentation has passed through
    the sigmoid already, (1, H, W).
    """
    scores = seg_logits.float()
    if scores.shape[0] > 1:
        return scores.softmax(dim=0)
    return torch.cat([1 - scores, scores])


def decide_samples(samples: SampleList, model: Any) -> SampleList:
    """Set ``pred_sem_seg`` (1, H, W) by a model's classes and threshold.

    MMSegmentation's own decision knows no threshold but for heads of one channel.
    """
    for sample in samples:
        decide_sample(sample, scores_of_sample(sample), model)
    return samples


def decide_sample(sample: SegDataSample, scores: Tensor, model: Any) -> None:
    """Set ``pred_sem_seg`` of one sample from class scores (K, H, W)."""
    mask = classes_of(model).decide(scores, threshold_of(model))
    sample.set_data({'pred_sem_seg': PixelData(data=mask[None])})
