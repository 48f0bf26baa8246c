"""Batches that cross from a loading process to the training one in few and small tensors.

Each tensor that crosses is a file in shared memory of its own, opened and mapped on the other side,
and MMSegmentation packs labels in eight bytes a pixel. A batch of pairs crosses as one tensor of
images and one of labels, in one byte a pixel; on arrival it is what MMEngine's ``pseudo_collate``
makes, so that hooks and preprocessors see no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.structures import BaseDataElement, PixelData
from torch import Tensor
from torch.utils.data import default_collate

LABEL = 'gt_sem_seg'
BYTE = 255


class CompactBatch(dict):
    """A batch of ``pseudo_collate`` that is compact while it is pickled, and a dict afterwards.

    Shape:
        ``inputs``: N tensors (2C, H, W); ``data_samples``: N, with ``gt_sem_seg`` (1, H, W). What
        is of another form, or of different sizes, crosses as it is.
    """

    def __reduce__(self) -> tuple:
        content = dict(self)
        inputs = _stacked(content.get('inputs'))
        if inputs is not None:
            content['inputs'] = inputs
        labels = _labels(content.get('data_samples'))
        if labels is not None:
            content['data_samples'] = [_without_label(s) for s in content['data_samples']]
        return _unpack, (content, labels)


def compact_collate(samples: Sequence[Any]) -> Any:
    """Collate as ``mmengine.dataset.pseudo_collate``, to a batch that crosses processes cheaply."""
    batch = pseudo_collate(samples)
    return CompactBatch(batch) if type(batch) is dict else batch


def _stacked(tensors: Any) -> Tensor | None:
    """Tensors as one, where they are of one shape and type; in shared memory in a loader."""
    if not isinstance(tensors, list) or not all(isinstance(t, Tensor) for t in tensors):
        return None
    if len({(t.shape, t.dtype) for t in tensors}) != 1:
        return None
    return default_collate(tensors)


def _labels(samples: Any) -> Tensor | None:
    """The labels of samples, (N, 1, H, W) in one byte a pixel, where all of them fit it."""
    if not isinstance(samples, list) or not samples:
        return None
    if not all(isinstance(sample, BaseDataElement) and LABEL in sample for sample in samples):
        return None
    labels = [sample.get(LABEL).get('data') for sample in samples]
    if not all(isinstance(label, Tensor) and label.dtype == torch.int64 for label in labels):
        return None
    if any(sample.get(LABEL).keys() != ['data'] for sample in samples):
        return None
    if any(label.numel() and (label.min() < 0 or label.max() > BYTE) for label in labels):
        return None
    return _stacked([label.to(torch.uint8) for label in labels])


def _without_label(sample: BaseDataElement) -> BaseDataElement:
    rest = type(sample)(metainfo=dict(sample.metainfo_items()))
    rest.set_data({key: value for key, value in sample.items() if key != LABEL})
    return rest


def _unpack(content: dict[str, Any], labels: Tensor | None) -> dict[str, Any]:
    if isinstance(content.get('inputs'), Tensor):
        content['inputs'] = list(content['inputs'].unbind())
    if labels is not None:
        for sample, label in zip(content['data_samples'], labels.long().unbind(), strict=True):
            setattr(sample, LABEL, PixelData(data=label))
    return content
