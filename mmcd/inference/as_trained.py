"""Networks that nothing is known of: they run as they were trained, in the chosen precision."""

from __future__ import annotations

import copy

import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import Tensor, nn


class NetworkAsTrained(nn.Module):
    """Any encoder and head of MMSegmentation, channels last and in one number format.

    Args:
        model: the trained model; it is copied.
        dtype: of the weights and the maps.

    Shape:
        stacked pairs (N, 2C, H, W) to (N, classes, H, W).
    """

    def __init__(self, model: EncoderDecoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).eval()
        self.model.to(dtype=dtype, memory_format=torch.channels_last)
        self.dtype = dtype

    def forward(self, pair: Tensor) -> Tensor:
        # One for the batch: of its length, an exporter would fix the batch size.
        metas = [dict(img_shape=pair.shape[2:], ori_shape=pair.shape[2:])]
        return self.model.encode_decode(pair.to(self.dtype), metas)
