"""From logits to class scores that sum to one, and to classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.utils import OptSampleList, SampleList
from torch import Tensor
from torch.nn import functional as F

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


def to_samples(logits: Tensor, samples: OptSampleList, model: Any) -> SampleList:
    """Set ``seg_logits`` (K, H, W) and ``pred_sem_seg`` (1, H, W) of each image.

    What ``postprocess_result`` of MMSegmentation does, but decided by the model's classes and
    threshold only. Its own decision comes first otherwise, and takes 0.2 s of a processor core for
    an image of 1024 x 1024.

    Args:
        logits: of the images as the network got them, (N, K, H, W).
        samples: with how the test pipeline has padded, flipped and resized them; None: not at all.
        model: says its classes, its threshold and whether resizing aligns corners.
    """
    samples = samples or [SegDataSample() for _ in logits]
    for sample, own in zip(samples, logits, strict=True):
        own = _undo_transforms(own, sample.metainfo, model.align_corners)
        own = own.sigmoid() if len(own) == 1 else own  # as MMSegmentation stores them
        sample.set_data({'seg_logits': PixelData(data=own)})
        decide_sample(sample, scores_of_sample(sample), model)
    return samples


def _undo_transforms(logits: Tensor, meta: Mapping[str, Any], align_corners: bool) -> Tensor:
    """The logits (K, H, W) of an image as its file has it."""
    padding = meta.get('img_padding_size', meta.get('padding_size', (0, 0, 0, 0)))
    left, right, top, bottom = padding
    height, width = logits.shape[1:]
    logits = logits[:, top : height - bottom, left : width - right]
    if meta.get('flip'):
        logits = logits.flip(2 if meta['flip_direction'] == 'horizontal' else 1)
    size = tuple(meta.get('ori_shape', logits.shape[1:]))[:2]
    if size == logits.shape[1:]:
        return logits
    return F.interpolate(logits[None], size, mode='bilinear', align_corners=align_corners)[0]


def decide_sample(sample: SegDataSample, scores: Tensor, model: Any) -> None:
    """Set ``pred_sem_seg`` of one sample from class scores (K, H, W)."""
    mask = classes_of(model).decide(scores, threshold_of(model))
    sample.set_data({'pred_sem_seg': PixelData(data=mask[None])})
