"""DARNet's decoder as a plain module: two feature pyramids in, five logit maps out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.models.layers.activation_checkpoint import checkpointed
from mmcd.models.layers.conv_blocks import ChannelAttention, NestedBlock, conv_bn_relu
from mmcd.models.layers.criss_cross_attention import JointTemporalAttention
from mmcd.models.layers.pair_ops import apply_to_dates
from mmcd.models.layers.upsampled_conv import conv_of_upsampled


class DARNetDecoder(nn.Module):
    """Dense skip and deep branches, joint temporal attention, label refinement.

    Levels are counted as in the paper, from 1 (stride 1) to L (stride 2^(L-1)), L = 5 as published.
    The parts are held under the level, or the pair of levels, that they serve: ``skip['2_to_4']``
    brings encoder level 2 to decoder level 4, ``deep['5_to_4']`` decoder level 5 to 4.

    Args:
        in_channels: channels of one date's feature maps, from level 1 to L.
        branch_channels: channels that each skip or deep branch brings (32 as published).
        num_classes: channels of the logits.
        with_cp: while training, keep the results of each level and of its convolutions only, and
            recompute the rest in the backward pass: a third less memory, a tenth more time.

    Reference:
        Li et al., DARNet, TGRS 2022, doi 10.1109/TGRS.2022.3159544, sections III-B to III-D.
    """

    # Without kept matrices of fixed sizes, for exporters.
    traceable = False

    def __init__(
        self,
        *,
        in_channels: Sequence[int],
        branch_channels: int = 32,
        num_classes: int = 2,
        with_cp: bool = False,
    ) -> None:
        super().__init__()
        self.with_cp = with_cp
        self.num_levels = top = len(in_channels)
        fused = top * branch_channels  # a change feature and deep branches always sum to this
        decoded = dict.fromkeys(range(1, top), fused) | {top: in_channels[-1]}
        self.skip = nn.ModuleDict()
        self.deep = nn.ModuleDict()
        self.attention = nn.ModuleDict()
        self.change = nn.ModuleDict()
        self.channel_attention = nn.ModuleDict()
        self.fuse = nn.ModuleDict()
        self.classify = nn.ModuleDict()
        for level in range(top, 0, -1):
            key = str(level)
            width = in_channels[-1] if level == top else level * branch_channels
            # Level 1 has no attention: the release carries one there (`sta_d1`) and never calls it.
            if level > 1:
                self.attention[key] = JointTemporalAttention(width)
            self.change[key] = NestedBlock(2 * width, width)
            self.channel_attention[key] = ChannelAttention(decoded[level])
            inputs = decoded[level]
            if level < top:
                for source in range(1, level + 1):
                    self.skip[f'{source}_to_{level}'] = conv_bn_relu(
                        in_channels[source - 1], branch_channels
                    )
                for source in range(level + 1, top + 1):
                    self.deep[f'{source}_to_{level}'] = conv_bn_relu(
                        decoded[source], branch_channels
                    )
                self.fuse[key] = conv_bn_relu(fused, fused)
                inputs += num_classes
            self.classify[key] = nn.Conv2d(inputs, num_classes, 3, padding=1)

    def forward(self, before: Sequence[Tensor], after: Sequence[Tensor]) -> list[Tensor]:
        """Logits of all levels, each at its own resolution.

        Args:
            before: one date's feature maps, from level 1 to L.
            after: the other date's.

        Shape:
            ``before[k-1]``, ``after[k-1]``: (N, C_k, H / 2^(k-1), W / 2^(k-1)), H and W multiples
            of 2^(L-1). Returns y_L .. y_1, each (N, num_classes, H / 2^(k-1), W / 2^(k-1)).
        """
        decoded: dict[int, Tensor] = {}
        logits: list[Tensor] = []
        for level in range(self.num_levels, 0, -1):
            # A copy: `decoded` has grown by the time that the level is recomputed.
            parts = level, before, after, dict(decoded)
            if self.with_cp and self.training:
                decoded[level] = checkpointed(self, self._decode, *parts)
            else:
                decoded[level] = self._decode(*parts)
            inputs = decoded[level]
            if logits:
                inputs = torch.cat([inputs, _enlarge(logits[-1], 2)], dim=1)
            logits.append(self.classify[str(level)](inputs))
        return logits

    def _decode(
        self,
        level: int,
        before: Sequence[Tensor],
        after: Sequence[Tensor],
        decoded: dict[int, Tensor],
    ) -> Tensor:
        """The decoder result hd_level from both pyramids and the deeper results."""
        key = str(level)
        if level == self.num_levels:
            dates = before[-1], after[-1]
        else:
            dates = self._skip_branches(level, before, after)
        if level > 1:
            dates = self.attention[key](*dates)
        change = self.change[key](*dates)
        if level == self.num_levels:
            return self.channel_attention[key](change)
        deep = [
            self._deep_branch(self.deep[f'{source}_to_{level}'], decoded[source], source - level)
            for source in range(level + 1, self.num_levels + 1)
        ]
        return self.fuse[key](self.channel_attention[key](torch.cat([change, *deep], dim=1)))

    def _deep_branch(self, part: Any, x: Tensor, levels: int) -> Tensor:
        """Bilinear up-sampling by 2^levels, then convolution, BatchNorm and ReLU."""
        if levels == 1 or self.traceable:
            return part(_enlarge(x, 2**levels))
        return part.relu(part.bn(conv_of_upsampled(x, part.conv, 2**levels)))

    def _skip_branches(
        self, level: int, before: Sequence[Tensor], after: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Encoder levels 1 .. ``level`` brought to ``level`` and concatenated, for each date."""
        befores, afters = [], []
        for source in range(1, level + 1):
            factor = 2 ** (level - source)
            one, other = apply_to_dates(
                self.skip[f'{source}_to_{level}'],
                _shrink(before[source - 1], factor),
                _shrink(after[source - 1], factor),
                # As in the release, BatchNorm sees one date at a time while training.
                one_batch=not self.training,
            )
            befores.append(one)
            afters.append(other)
        return torch.cat(befores, dim=1), torch.cat(afters, dim=1)


def _shrink(x: Tensor, factor: int) -> Tensor:
    return F.max_pool2d(x, factor) if factor > 1 else x


def _enlarge(x: Tensor, factor: int) -> Tensor:
    enlarge = partial(F.interpolate, scale_factor=factor, mode='bilinear', align_corners=False)
    if not torch.is_autocast_enabled(x.device.type):
        return enlarge(x)
    # On a CPU autocast would enlarge in float32, and all that is concatenated with it after.
    with torch.autocast(x.device.type, enabled=False):
        return enlarge(x)
