"""PRX-Change's tri-fusion decoder as a plain module."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor, nn

from mmcd.models.layers.temporal_cross_attention import TemporalCrossAttention
from mmcd.models.layers.tri_fusion import DeepestFusion, TriFusion


class PRXDecoded(NamedTuple):
    """What the decoder gives.

    Args:
        logit: (N, 1, H, W), four times as high and wide as the shallowest map.
        fused: each level's fusion result (N, C_l, H_l, W_l), shallow to deep; refinement losses
            are taken at them.
    """

    logit: Tensor
    fused: tuple[Tensor, ...]


class PRXDecoder(nn.Module):
    """Fuses the two dates' feature pyramids from deep to shallow into one change logit.

    Args:
        in_channels: channels of each date's maps, shallow to deep. They are the widths of the
            fusion levels too; half of the first is the width of the up-sampling at the end. As
            published for ResNet-18 and 34; (256, 512, 1024, 2048) for ResNet-50 and 101.
        cross_attention: let the dates exchange context at every level before they are fused.
        channel_interleave: see :class:`TriFusion`.
        patch_sizes: patch size of the cross-attention at each level, shallow to deep.
        attention_dropout: dropout of the attention weights.
        dropout: dropout in the cross-attention's MLPs.
        drop_path: chance of a sample to skip a residual branch of the cross-attention.

    Shape:
        ``before``, ``after``: one (N, C_l, H / s_l, W / s_l) per level, shallow to deep, at strides
        4, 8, 16, 32; H and W are multiples of 32.

    Raises:
        ValueError: the number of maps or their sizes do not fit.

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    def __init__(
        self,
        *,
        in_channels: Sequence[int] = (64, 128, 256, 512),
        cross_attention: bool = False,
        channel_interleave: bool = False,
        patch_sizes: Sequence[int] = (4, 2, 1, 1),
        attention_dropout: float = 0.1,
        dropout: float = 0.1,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.cross_attention: nn.ModuleList | None = None
        if cross_attention:
            self.cross_attention = nn.ModuleList(
                TemporalCrossAttention(
                    channels,
                    patch_size=patch_size,
                    attention_dropout=attention_dropout,
                    dropout=dropout,
                    drop_path=drop_path,
                )
                for channels, patch_size in zip(in_channels, patch_sizes, strict=True)
            )
        self.tri_fusions = nn.ModuleList(
            TriFusion(channels, deeper_channels=deeper, channel_interleave=channel_interleave)
            for channels, deeper in pairwise(in_channels)
        )
        self.deepest_fusion = DeepestFusion(in_channels[-1])
        width = max(in_channels[0] // 2, 1)
        self.upsample1 = nn.ConvTranspose2d(in_channels[0], width, 2, stride=2)
        self.upsample2 = nn.ConvTranspose2d(width, width, 2, stride=2)
        self.classifier = nn.Conv2d(width, 1, 1)

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> PRXDecoded:
        fused = self._fuse(before, after)
        logit = self.classifier(self.upsample2(self.upsample1(fused[0])))
        return PRXDecoded(logit, fused)

    def _fuse(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> tuple[Tensor, ...]:
        num_levels = len(self.tri_fusions) + 1
        if len(before) != num_levels or len(after) != num_levels:
            raise ValueError(
                f'Expected {num_levels} maps of each date, one for each of in_channels, but got '
                f'{len(before)} and {len(after)}. Set in_channels to what the backbone gives, or '
                'its out_indices to four stages.'
            )
        fused = [self.deepest_fusion(*self._attend(-1, before[-1], after[-1]))]
        for level in reversed(range(num_levels - 1)):
            dates = self._attend(level, before[level], after[level])
            fused.append(self.tri_fusions[level](*dates, fused[-1]))
        return tuple(reversed(fused))

    def _attend(self, level: int, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        if self.cross_attention is None:
            return before, after
        return self.cross_attention[level](before, after)
