"""The expanding half of FC-EF and FC-Siam as a plain module."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmcd.models.layers.conv_blocks import conv_bn_relu


class FCSiamDecoder(nn.Module):
    """A U-Net's decoder: per level a transposed convolution, the skip, and some convolutions.

    Levels count from shallow to deep. Each brings its map to the width of the next shallower one,
    the last convolution of all to the logits.

    Args:
        widths: channels of each level (16, 32, 64, 128 as published).
        skip_channels: channels of each level's skip: the widths, twice as many where both dates'
            maps are concatenated.
        num_classes: channels of the logits.
        convs_per_level: convolutions of each level (2, 2, 3, 3 as published).
        dropout: probability that a map is zeroed after a convolution while training.

    Reference:
        Daudt, Le Saux, Boulch, "Fully Convolutional Siamese Networks for Change Detection",
        ICIP 2018.
    """

    def __init__(
        self,
        *,
        widths: Sequence[int],
        skip_channels: Sequence[int],
        num_classes: int,
        convs_per_level: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        self.upsample = nn.ModuleList(
            # Exactly twice as high and wide.
            nn.ConvTranspose2d(width, width, 3, stride=2, padding=1, output_padding=1)
            for width in widths
        )
        self.fuse = nn.ModuleList()
        narrower = [widths[0], *widths[:-1]]  # what each level hands on
        levels = zip(widths, skip_channels, narrower, convs_per_level, strict=True)
        for level, (width, skip, out, number) in enumerate(levels):
            # The classifier is the last convolution of the shallowest level.
            number -= level == 0
            ins = [width + skip, *[width] * (number - 1)]
            outs = [*[width] * (number - 1), out]
            convs = (conv_bn_relu(i, o, dropout=dropout) for i, o in zip(ins, outs, strict=True))
            self.fuse.append(nn.Sequential(*convs))
        self.classify = nn.Conv2d(widths[0], num_classes, 3, padding=1)

    def forward(self, skips: Sequence[Tensor], deepest: Tensor) -> Tensor:
        """Logits at the size of the first skip.

        Args:
            skips: one map a level, from shallow to deep.
            deepest: the map below them all.

        Shape:
            ``skips[k]``: (N, S_k, H / 2^k, W / 2^k); ``deepest``: (N, C_L, H / 2^L, W / 2^L);
            returns (N, num_classes, H, W).
        """
        x = deepest
        for level in reversed(range(len(skips))):
            x = torch.cat([self.upsample[level](x), skips[level]], dim=1)
            x = self.fuse[level](x)
        return self.classify(x)
