"""PRX-Change for inference: the same function as the trained network, with less work."""

from __future__ import annotations

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import skip_init

from mmcd.inference.float32_stem import to_precision
from mmcd.inference.folding import fold, fold_encoder
from mmcd.inference.strips import strips
from mmcd.models.decode_heads.prx_decoder import PRXDecoder
from mmcd.models.layers.pair_ops import split_dates
from mmcd.models.layers.temporal_cross_attention import CrossDateBlock, TemporalCrossAttention
from mmcd.models.layers.tri_fusion import DeepestFusion, TriFusion


class RestructuredPRX(nn.Module):
    """The logit of PRX-Change.

    Both dates go through in one batch, ``before`` first: (2N, C, h, w), channels last.

    Args:
        encoder: the trained encoder, a ResNet as published, or another with the same strides.
        decoder: the trained decoder.
        dtype: of the weights and the maps.

    Shape:
        stacked pairs (N, 2C, H, W), H and W multiples of 32, to (N, 1, H, W).
    """

    def __init__(self, encoder: nn.Module, decoder: PRXDecoder, dtype: torch.dtype) -> None:
        super().__init__()
        self.encoder = fold_encoder(encoder)
        attentions = decoder.cross_attention
        self.attentions = nn.ModuleList(
            nn.Identity()
            if attentions is None
            else _CrossAttention(cast(TemporalCrossAttention, attentions[level]))
            for level in range(len(decoder.tri_fusions) + 1)
        )
        self.deepest = _DeepestFusion(decoder.deepest_fusion)
        self.fusions = nn.ModuleList(
            _TriFusion(cast(TriFusion, fusion)) for fusion in decoder.tri_fusions
        )
        self.classify = _classifier(decoder)
        self.input_dtype = to_precision(self, self.encoder, dtype)
        self.to(memory_format=torch.channels_last)

    def forward(self, pair: Tensor) -> Tensor:
        both = torch.cat(split_dates(pair))
        maps = self.encoder(both.to(dtype=self.input_dtype, memory_format=torch.channels_last))
        fused = self.deepest(self.attentions[-1](maps[-1]))
        for level in reversed(range(len(self.fusions))):
            fused = self.fusions[level](self.attentions[level](maps[level]), fused)
        return F.pixel_shuffle(self.classify(fused), 4)


def _classifier(decoder: PRXDecoder) -> nn.Conv2d:
    """Two transposed convolutions and a 1x1 convolution, as one convolution to 4x4 pixels.

    Nothing stands between the three, so that their weights multiply out.
    """
    first: Any = decoder.upsample1
    second: Any = decoder.upsample2
    last: Any = decoder.classifier
    mix = last.weight.detach().double()[0, :, 0, 0]
    inner = torch.einsum('mkij,k->mij', second.weight.detach().double(), mix)
    outer = first.weight.detach().double()
    # The first one's pixel holds the second one's: row 2 * first + second, column likewise.
    weight = torch.einsum('cmij,mkl->ikjlc', outer, inner).reshape(16, -1, 1, 1)
    bias = last.bias.detach().double() + second.bias.detach().double() @ mix
    bias = bias + torch.einsum('m,mkl->kl', first.bias.detach().double(), inner)
    # Without initial weights, which would draw from the caller's random numbers.
    conv: Any = skip_init(nn.Conv2d, weight.shape[1], 16, 1)
    conv.weight.data = weight.float()
    conv.bias.data = bias.repeat(2, 2).flatten().float()
    return conv


class _CrossAttention(nn.Module):
    """Both dates of a level, (2N, C, H, W), exchange context."""

    tokens: Tensor

    def __init__(self, attention: TemporalCrossAttention) -> None:
        super().__init__()
        self.embed = copy.deepcopy(attention.embed)
        self.block = _CrossDateBlock(attention.block)
        tokens = torch.stack([attention.before_token, attention.after_token])
        self.register_buffer('tokens', tokens.detach().clone())  # (2, 1, 1, C)
        # The batch norm stands behind the up-sampling, whose weights sum to 1: it commutes.
        self.project = fold(attention.project, attention.norm)

    def forward(self, both: Tensor) -> Tensor:
        embedded = self.embed(both)  # (2N, C, H / p, W / p)
        tokens = embedded.permute(0, 2, 3, 1).flatten(1, 2)  # (2N, L, C)
        tokens = (tokens.unflatten(0, (2, -1)) + self.tokens).flatten(0, 1)
        tokens = self.block(tokens)
        height, width = embedded.shape[2:]
        context = self.project(tokens.unflatten(1, (height, width)).permute(0, 3, 1, 2))
        if context.shape[2:] != both.shape[2:]:
            size = both.shape[2:]
            context = F.interpolate(context, size=size, mode='bilinear', align_corners=True)
        return both + context


class _CrossDateBlock(nn.Module):
    """See :class:`mmcd.models.layers.temporal_cross_attention.CrossDateBlock`."""

    traceable = False

    def __init__(self, block: CrossDateBlock) -> None:
        super().__init__()
        block = copy.deepcopy(block).eval()
        self.input_norm, self.qkv, self.qkv_norm = block.input_norm, block.qkv, block.qkv_norm
        self.context_norm, self.mlp = block.context_norm, block.mlp

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = self.input_norm(tokens)
        num = tokens.shape[0] // 2
        qkv = self.qkv_norm(self.qkv(tokens).unflatten(-1, (3, -1)))
        query, key, value = qkv.unbind(dim=2)
        # The dates swap their queries and keep their keys and values.
        query = torch.cat([query[num:], query[:num]])
        in_strips = not self.traceable and tokens.device.type == 'cpu'
        if in_strips and tokens.dtype != torch.float32:
            context = _attend_in_strips(query, key, value)
        else:
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
            context = F.scaled_dot_product_attention(query, key, value).squeeze(1)
        tokens = self.context_norm(tokens + context)
        return tokens + self.mlp(tokens)


def _attend_in_strips(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Plain attention of one head, (N, L, C).

    On processors PyTorch's fused kernel takes as long in bfloat16 as in float32; two products in
    bfloat16 with a softmax in float32 between them take a third of that.
    """
    query = query * query.shape[2] ** -0.5
    context = torch.empty_like(value)
    for image, keys in enumerate(key.transpose(1, 2)):
        for start, stop in strips(query.shape[1], 6 * key.shape[1], query):
            affinity = query[image, start:stop] @ keys
            weight = affinity.float().softmax(dim=1).to(value.dtype)
            torch.mm(weight, value[image], out=context[image, start:stop])
    return context


class _DeepestFusion(nn.Module):
    def __init__(self, fusion: DeepestFusion) -> None:
        super().__init__()
        self.norm = copy.deepcopy(fusion.norm)
        self.reduce = copy.deepcopy(fusion.reduce)

    def forward(self, both: Tensor) -> Tensor:
        both = self.norm(both)
        num = both.shape[0] // 2
        return self.reduce(torch.cat([both[:num], both[num:]], dim=1))


class _TriFusion(nn.Module):
    """Group norms, channel weights and the 1x1 convolution behind them as one matrix a sample.

    A group norm is, for each sample, a factor and a summand a channel; the squeeze-and-excitation
    is another factor. Both go into the 1x1 convolution that follows, so that the three maps are
    read for their statistics and once more for the product, and never written or concatenated.
    """

    scale: Tensor
    shift: Tensor
    weight: Tensor

    def __init__(self, fusion: TriFusion) -> None:
        super().__init__()
        self.upsample = copy.deepcopy(fusion.upsample)
        self.groups = fusion.norm.num_groups
        self.eps = fusion.norm.eps
        self.register_buffer('scale', fusion.norm.weight.detach().clone())
        self.register_buffer('shift', fusion.norm.bias.detach().clone())
        block: Any = fusion.squeeze_reduce
        self.excite = copy.deepcopy(block.excite)
        weight = block.reduce[0].weight.detach()[:, :, 0, 0]  # (C, 3C)
        channels = weight.shape[0]
        if fusion.channel_interleave:
            weight = weight.unflatten(1, (channels, 3)).transpose(1, 2).flatten(1)
            self._sort_excitation(channels)
        self.register_buffer('weight', weight.clone())
        self.reduce_norm = copy.deepcopy(block.reduce[1])
        self.refine = copy.deepcopy(block.refine[:2])

    def _sort_excitation(self, channels: int) -> None:
        """From ``before_0, after_0, differ_0, before_1, ...`` to one date after the other."""
        order = torch.arange(3 * channels).view(channels, 3).t().flatten()
        first: Any = self.excite[0]
        last: Any = self.excite[2]
        first.weight.data = first.weight.data[:, order]
        last.weight.data = last.weight.data[order]

    def forward(self, both: Tensor, deeper: Tensor) -> Tensor:
        num, channels = both.shape[0] // 2, both.shape[1]
        parts = [both[:num], both[num:], self.upsample(deeper)]
        flat = [part.permute(0, 2, 3, 1).flatten(1, 2) for part in parts]  # (N, P, C)
        scales, shifts, means = zip(*(self._statistics(x) for x in flat), strict=True)
        excite = 1 + self.excite(torch.cat(means, dim=1).to(both.dtype)).float()  # (N, 3C)
        matrix = self.weight.float() * excite[:, None]  # (N, C, 3C)
        bias = (matrix @ torch.cat(shifts, dim=1)[..., None]).transpose(1, 2)
        matrix = (matrix * torch.cat(scales, dim=1)[:, None]).transpose(1, 2).to(both.dtype)
        reduced = bias.to(both.dtype)
        for x, part in zip(flat, matrix.split(channels, dim=1), strict=True):
            reduced = torch.baddbmm(reduced, x, part)
        reduced = reduced.unflatten(1, both.shape[2:]).permute(0, 3, 1, 2)
        reduced = F.relu_(self.reduce_norm(reduced))
        return F.relu_(self.refine(reduced)).add_(reduced)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Factor and summand of the group norm, and the mean behind it; each (N, C) float32."""
        mean, square = x.mean(1, dtype=torch.float32), x.float().square().mean(1)
        by_group = (-1, self.groups, x.shape[2] // self.groups)
        group_mean = mean.view(by_group).mean(2, keepdim=True)
        variance = square.view(by_group).mean(2, keepdim=True) - group_mean.square()
        scale = torch.rsqrt(variance + self.eps) * self.scale.float().view(by_group[1:])
        shift = self.shift.float() - (group_mean * scale).flatten(1)
        scale = scale.flatten(1)
        return scale, shift, mean * scale + shift
