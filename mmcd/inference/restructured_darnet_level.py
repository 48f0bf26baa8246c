"""One level of DARNet's decoder for inference."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from mmcd.inference.blockwise_upsampling import UpsampledConv
from mmcd.inference.folding import affine, fold, fold_block
from mmcd.inference.merged_criss_cross import MergedCrissCross
from mmcd.inference.precision import is_reduced_on_cpu
from mmcd.inference.strips import strips
from mmcd.models.decode_heads.darnet_decoder import DARNetDecoder
from mmcd.models.layers.conv_blocks import ChannelAttention, NestedBlock
from mmcd.models.layers.upsampled_conv import tap_weights


class DecoderLevel(nn.Module):
    """The encoder's maps and the deeper levels' taps in, logits and taps out.

    Args:
        decoder: the trained decoder.
        number: the level, from 1 (finest).
    """

    # Whole maps without loops and writing in place, for exporters and compilers.
    traceable = False

    def __init__(self, decoder: DARNetDecoder, number: int) -> None:
        super().__init__()
        trained: Any = decoder
        self.number = number
        top = decoder.num_levels
        key = str(number)
        self.skip = nn.ModuleList()
        self.deep = nn.ModuleDict()
        self.fuse: nn.Conv2d | None = None
        if number < top:
            for source in range(1, number + 1):
                self.skip.append(fold_block(trained.skip[f'{source}_to_{number}']))
            for source in range(number + 1, top + 1):
                folded = fold_block(trained.deep[f'{source}_to_{number}'])
                self.deep[str(source)] = UpsampledConv(
                    2 ** (source - number), cast(Tensor, folded.bias)
                )
            self.fuse = fold_block(trained.fuse[key])
        self.attention: MergedCrissCross | None = None
        if number > 1:
            self.attention = MergedCrissCross(trained.attention[key])
            self.recurrence: int = trained.attention[key].recurrence
        self.change = _Change(trained.change[key])
        self.weigh = _ChannelWeights(trained.channel_attention[key])
        self._add_taps(trained)

    def _add_taps(self, decoder: Any) -> None:
        """All that reads this level's result mixes its channels in one 1x1 convolution."""
        classify = decoder.classify[str(self.number)]
        self.classes: int = classify.out_channels
        own = copy.deepcopy(classify)
        width = self.weigh.channels
        own.weight.data, own.in_channels = classify.weight.data[:, :width], width
        weights = [tap_weights(own)]
        for target in range(self.number - 1, 0, -1):
            weights.append(tap_weights(fold_block(decoder.deep[f'{self.number}_to_{target}'])))
        self.tap_sizes = [len(weight) for weight in weights]
        # Without initial weights, which would draw from the caller's random numbers.
        self.taps = skip_init(nn.Conv2d, width, sum(self.tap_sizes), 1, bias=False)
        self.taps.weight.data = torch.cat(weights)
        # The logits gather their own taps, and read the coarser logits as trained.
        gather = torch.eye(9 * self.classes).view(3, 3, self.classes, -1).permute(2, 3, 0, 1)
        gather = torch.cat([gather.to(classify.weight), classify.weight.data[:, width:]], dim=1)
        self.classify = copy.deepcopy(classify)
        self.classify.weight.data, self.classify.in_channels = gather, gather.shape[1]

    def forward(
        self, skips: list[Tensor], taps: dict[int, Tensor], coarser: Tensor | None
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Decode the level.

        Args:
            skips: the encoder's maps, pooled to the level's size, both dates in one batch; emptied.
            taps: by the deeper level, (N, 9 * C, h, w) at its size; emptied.
            coarser: the next deeper level's logits, (N, classes, h / 2, w / 2).

        Returns:
            The level's logits (N, classes, h, w), and its taps by the level that reads them.
        """
        change = self.change(self._pair(skips))
        # Strips are for a processor's cache; a GPU wants few large operations.
        if not self.traceable and change.device.type == 'cpu':
            mixed = self._mixed(self._fused(change, taps))
        else:
            mixed = self._mixed_whole(self._fused_whole(change, taps))
        own, *others = mixed.split(self.tap_sizes, dim=1)
        parts = [own]
        if coarser is not None:
            up = F.interpolate(coarser, scale_factor=2, mode='bilinear', align_corners=False)
            parts.append(up)
        logits = self.classify(torch.cat(parts, dim=1))
        return logits, dict(zip(range(self.number - 1, 0, -1), others, strict=True))

    def _pair(self, skips: list[Tensor]) -> Tensor:
        """The two dates' features stacked along the channels, (N, 2C, h, w)."""
        # The top level has no branches: it takes the encoder's map itself.
        branches = [F.relu_(conv(skips.pop(0))) for conv in self.skip] or [skips.pop(0)]
        maps = torch.cat(branches, dim=1) if len(branches) > 1 else branches.pop()
        num, width = maps.shape[0] // 2, maps.shape[3]
        if self.attention is None:
            return torch.cat([maps[:num], maps[num:]], dim=1)
        joint = torch.cat([maps[:num], maps[num:]], dim=3)  # side by side
        for _ in range(self.recurrence):
            joint = self.attention(joint)
        return torch.cat([joint[..., :width], joint[..., width:]], dim=1)

    def _fused(self, change: Tensor, taps: dict[int, Tensor]) -> Tensor:
        """Change feature and deep branches, (N, h + 2, w, C) between two rows of zeros."""
        num, first, height, width = change.shape
        fused = change.new_empty(num, height + 2, width, self.weigh.channels)
        fused[:, 0].zero_()
        fused[:, -1].zero_()
        inner = fused[:, 1:-1]
        torch.clamp_min(change.permute(0, 2, 3, 1), 0, out=inner[..., :first])
        for source, branch in self._branches():
            last = first + branch.channels
            for image, start, stop, rows in branch.strips(taps.pop(source)):
                torch.clamp_min(rows, 0, out=inner[image, start:stop, :, first:last])
            first = last
        return fused

    def _branches(self) -> Iterator[tuple[int, UpsampledConv]]:
        for source, branch in self.deep.items():
            yield int(source), cast(UpsampledConv, branch)

    def _fused_whole(self, change: Tensor, taps: dict[int, Tensor]) -> Tensor:
        parts = [change, *(branch(taps[source]) for source, branch in self._branches())]
        return F.relu(torch.cat(parts, dim=1))

    def _mixed(self, fused: Tensor) -> Tensor:
        """The taps of the level's result, (N, taps, h, w)."""
        num, height, width, channels = fused.shape
        height -= 2
        mixed = fused.new_empty(num, height, width, self.taps.out_channels)
        row = width * (channels + self.taps.out_channels) * fused.element_size()
        weights = self.weigh(fused[:, 1:-1].permute(0, 3, 1, 2))[:, :, None, None]
        for image in range(num):
            conv = self.taps if self.fuse is None else self.fuse
            scaled = (conv.weight * weights[image]).contiguous(memory_format=torch.channels_last)
            for start, stop in strips(height, row, fused):
                # With a row of the neighbours, or of the zeros around, at either side.
                rows = fused[image, start : stop + 2].permute(2, 0, 1)[None]
                if self.fuse is None:
                    taps = F.conv2d(rows[:, :, 1:-1], scaled)
                else:
                    decoded = F.conv2d(rows, scaled, self.fuse.bias, padding=(0, 1))
                    taps = self.taps(F.relu_(decoded))
                mixed[image, start:stop] = taps[0].permute(1, 2, 0)
        return mixed.permute(0, 3, 1, 2)

    def _mixed_whole(self, fused: Tensor) -> Tensor:
        weighed = fused * self.weigh(fused)[:, :, None, None]
        return self.taps(weighed if self.fuse is None else F.relu(self.fuse(weighed)))


class _Change(nn.Module):
    """The nested block before its last ReLU, (N, 2C, h, w) to (N, C, h, w)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, block: NestedBlock) -> None:
        super().__init__()
        scale, shift = affine(block.bn1)
        self.conv1 = copy.deepcopy(block.conv1)
        self.conv2 = fold(block.conv2, block.bn2)
        self.register_buffer('scale', scale)
        self.register_buffer('shift', shift)

    def forward(self, pair: Tensor) -> Tensor:
        identity = self.conv1(pair)
        x = F.relu_(torch.addcmul(self.shift, identity, self.scale))
        return self.conv2(x).add_(identity)


class _ChannelWeights(nn.Module):
    """The weights of the channel attention, (N, C, h, w) to (N, C)."""

    # Without loops, for exporters and compilers.
    traceable = False

    def __init__(self, attention: ChannelAttention) -> None:
        super().__init__()
        self.channels = attention.fc1.in_channels
        hidden = attention.fc1.out_channels
        self.fc1 = skip_init(nn.Linear, self.channels, hidden, bias=False)  # see DecoderLevel
        self.fc2 = skip_init(nn.Linear, hidden, self.channels, bias=False)
        self.fc1.weight.data = attention.fc1.weight.detach()[:, :, 0, 0].clone()
        self.fc2.weight.data = attention.fc2.weight.detach()[:, :, 0, 0].clone()

    def forward(self, maps: Tensor) -> Tensor:
        if is_reduced_on_cpu(maps) and not self.traceable:
            average, maximum = _mean_and_maximum(maps)
        else:
            average, maximum = maps.mean((2, 3)), maps.amax((2, 3))
        hidden = F.relu(self.fc1(average)), F.relu(self.fc1(maximum))
        return self.fc2(hidden[0] + hidden[1]).sigmoid()


def _mean_and_maximum(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Over height and width, (N, C) each.

    PyTorch's own take 24 ms of a map of 160 x 256 x 256 in bfloat16 on a CPU, channels last, a
    product with ones and the maximum of halves 6.
    """
    rows = maps.permute(0, 2, 3, 1).flatten(1, 2)  # (N, h * w, C)
    average = rows.new_ones(1, rows.shape[1]) @ rows / rows.shape[1]
    while rows.shape[1] > 512:
        half = -(-rows.shape[1] // 2)  # of an odd number, both hold the one in the middle
        rows = torch.maximum(rows[:, :half], rows[:, -half:])
    return average[:, 0], rows.amax(1)
