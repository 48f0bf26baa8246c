"""A model's logits for tiles as files hold them."""

from __future__ import annotations

import numpy as np
import torch
from mmseg.models.segmentors import EncoderDecoder
from mmseg.structures import SegDataSample
from torch import Tensor

from mmcd.models.layers.pair_ops import reverse_bands


@torch.inference_mode()
def tile_logits(model: EncoderDecoder, tiles: np.ndarray) -> Tensor:
    """Preprocess tiles as the model does, and pass them through it.

    Args:
        model: trained, or optimised.
        tiles: (N, 2C, H, W) uint8, before in the first C bands, in RGB order where C = 3.

    Returns:
        (N, classes, H', W'): a data preprocessor may pad at the bottom and the right.
    """
    pairs = torch.from_numpy(tiles)
    if tiles.shape[1] == 6:
        # As where files are read: the data preprocessor takes three bands as BGR.
        pairs = reverse_bands(pairs)
    size = tiles.shape[2:]
    samples = [SegDataSample(metainfo=dict(img_shape=size, ori_shape=size)) for _ in tiles]
    data = model.data_preprocessor(dict(inputs=list(pairs), data_samples=samples), False)
    return model.encode_decode(data['inputs'], [sample.metainfo for sample in samples])
