"""DARNet for inference: the same function as the trained network, with far less work.

- Both dates in one batch, channels last from the input to the logits, batch norms folded.
- A map pooled by 8 is the map pooled by 4, pooled by 2.
- Only y_1: the coarser logits stay at their own resolution.
- All that reads a decoder level's result reads it through taps, mixed at the level's own
  resolution: :mod:`mmcd.models.layers.upsampled_conv`.
- Channel attention scales the weights of the convolution behind it, not the map.
- On a CPU, each level's last two convolutions in strips that stay in its cache; branches are
  written straight into the map that they read.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.inference.float32_stem import to_precision
from mmcd.inference.folding import fold_block
from mmcd.inference.restructured_darnet_level import DecoderLevel
from mmcd.models.backbones.unet_encoder import UNetEncoder
from mmcd.models.decode_heads.darnet_decoder import DARNetDecoder
from mmcd.models.layers.pair_ops import split_dates


class RestructuredDARNet(nn.Module):
    """The finest logits y_1 of DARNet.

    Args:
        encoder: the trained encoder.
        decoder: the trained decoder.
        dtype: of the weights and the maps.

    Shape:
        stacked pairs (N, 2C, H, W), H and W multiples of 2^(L-1), to (N, num_classes, H, W).
    """

    def __init__(self, encoder: UNetEncoder, decoder: DARNetDecoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            nn.ModuleList(fold_block(part) for part in cast(nn.Sequential, level))
            for level in encoder.levels
        )
        top = decoder.num_levels
        self.levels = nn.ModuleList(DecoderLevel(decoder, level) for level in range(top, 0, -1))
        self.input_dtype = to_precision(self, self.encoder, dtype)
        self.to(memory_format=torch.channels_last)

    def forward(self, pair: Tensor) -> Tensor:
        skips = self._encode(torch.cat(split_dates(pair)))
        taps: dict[int, dict[int, Tensor]] = {level: {} for level in skips}
        logits: Any = None
        for level in cast('list[DecoderLevel]', self.levels):
            # Taken out of the lists, so that a map's memory is free once it has been read.
            logits, made = level(skips.pop(level.number), taps.pop(level.number), logits)
            for target, maps in made.items():
                taps[target][level.number] = maps
        return logits

    def _encode(self, x: Tensor) -> dict[int, list[Tensor]]:
        """For each decoder level, the encoder's maps that it takes, pooled to its size."""
        top = len(self.encoder)
        x = x.to(dtype=self.input_dtype, memory_format=torch.channels_last)
        maps: dict[int, list[Tensor]] = {level: [] for level in range(1, top + 1)}
        for number, convs in enumerate(self.encoder, start=1):
            for conv in cast(nn.ModuleList, convs):
                x = F.relu_(conv(x))
            maps[number].append(x)
            if number < top:
                pooled = x = F.max_pool2d(x, 2)
            for level in range(number + 1, top):
                maps[level].append(pooled)
                if level < top - 1:
                    pooled = F.max_pool2d(pooled, 2)
        return maps
