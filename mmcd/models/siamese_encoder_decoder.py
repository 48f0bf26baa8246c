"""The segmentor for pairs: a shared encoder for both dates, then any head."""

from __future__ import annotations

from typing import Any

import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.utils import OptSampleList
from torch import Tensor

from mmcd.models.layers.padding import crop_to, pad_to_multiple
from mmcd.models.layers.pair_ops import apply_to_dates, split_dates
from mmcd.registry import MODELS


@MODELS.register_module()
class SiameseEncoderDecoder(EncoderDecoder):
    """MMSegmentation's EncoderDecoder for stacked pairs.

    The encoder sees one date at a time with shared weights. Per level, the two dates' maps are
    stacked again, so any head of MMSegmentation composes with ``in_channels = 2 * C_l``.

    A head with an attribute ``size_divisor`` (DARNetHead, PRXHead) needs image sizes that are
    multiples of it: the input is then padded inside (by its edge, at the bottom and the right)
    and the logits are cropped back. Such a head crops its own logits to the label in its loss.

    Args:
        batch_dates: whether BatchNorm sees both dates in one batch while training (PRX-Change:
            yes; DARNet: no, ``before`` then ``after``). In eval mode the results are the same,
            and one batch is taken.
        **kwargs: see :class:`mmseg.models.EncoderDecoder`.

    Shape:
        inputs: (N, 2C, H, W), ``before`` in the first C channels.
        ``mode='tensor'``: what the head gives, DARNet a tuple of five (N, 2, H, W).
        ``mode='loss'``: a dict whose ``loss`` entries sum to the objective.
        ``mode='predict'``: a list of SegDataSample with ``pred_sem_seg`` and ``seg_logits``.

    Raises:
        ValueError: the inputs have an odd number of channels.
    """

    def __init__(self, *, batch_dates: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.batch_dates = batch_dates

    def extract_feat(self, inputs: Tensor) -> list[Tensor]:
        """Per level (N, 2 * C_l, h, w), ``before`` in the first half of the channels."""
        before, after = split_dates(pad_to_multiple(inputs, self._size_divisor))
        pyramids = apply_to_dates(
            super().extract_feat, before, after, one_batch=self.batch_dates or not self.training
        )
        return [torch.cat(dates, dim=1) for dates in zip(*pyramids, strict=True)]

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Full-size logits, (N, num_classes, H, W)."""
        size = inputs.shape[2:]
        padded = pad_to_multiple(inputs, self._size_divisor)
        metas = [{**meta, 'img_shape': padded.shape[2:]} for meta in batch_img_metas]
        return crop_to(super().encode_decode(padded, metas), size)

    def _forward(
        self, inputs: Tensor, data_samples: OptSampleList = None
    ) -> Tensor | tuple[Tensor, ...]:
        output = super()._forward(inputs, data_samples)
        if self._size_divisor == 1:
            return output
        size = inputs.shape[2:]
        if isinstance(output, Tensor):
            return crop_to(output, size)
        return tuple(crop_to(logits, size) for logits in output)

    @property
    def _size_divisor(self) -> int:
        return getattr(self.decode_head, 'size_divisor', 1)
