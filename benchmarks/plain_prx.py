"""PRX-Change written out plainly: what the fast network is measured and tested against.

Eager float32, NCHW, every operation as the paper and the release have it. It shares no code with
the package's network, nor with MMPretrain's ResNet, only the names of the weights. Of the
refinement, which has no part in the prediction, it has nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.plain_weights import PlainWeights, batch_norm

ENCODER = 'backbone'
DECODER = 'decode_head.decoder'
UNUSED = ('num_batches_tracked', 'refinement')


class PlainPRX(PlainWeights):
    """PRX-Change over a flat dict of weights; widths and depth are those of the weights.

    Cross-attention is on where its weights are there. Encoders of basic blocks only (ResNet-18
    and -34). No dropout and no drop-path.

    Args:
        state: the state dict of the package's PRX-Change; the weights are copied.
        training: make the weights parameters and start in training mode, where both dates go
            through the encoder in one batch, and BatchNorm takes the batch's own statistics and
            updates the running ones. Off: an eval-mode module, one date after the other.

    Shape:
        ``before``, ``after``: (N, 3, H, W) normalised, H and W multiples of 32.
        Output: the logit, (N, 1, H, W).

    Reference:
        "PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction", 2024.
    """

    def __init__(self, state: Mapping[str, Tensor], *, training: bool = False) -> None:
        super().__init__(state, unused=UNUSED, training=training)

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        state, num = self.state, before.shape[0]
        if self.training:
            both = encode(state, torch.cat([before, after]), training=True)
            levels = [(level[:num], level[num:]) for level in both]
        else:
            encoded = [encode(state, date, training=False) for date in (before, after)]
            levels = list(zip(*encoded, strict=True))
        return decode(state, levels, self.training)


def encode(state: dict[str, Tensor], x: Tensor, training: bool) -> list[Tensor]:
    """The outputs of ResNet's four stages, at strides 4, 8, 16, 32."""
    x = conv(state, f'{ENCODER}.conv1', x, stride=2)
    x = F.relu(batch_norm(state, f'{ENCODER}.bn1', x, training))
    x = F.max_pool2d(x, 3, stride=2, padding=1)
    levels = []
    for stage in range(1, 5):
        block = 0
        while f'{ENCODER}.layer{stage}.{block}.conv1.weight' in state:
            stride = 2 if stage > 1 and block == 0 else 1
            x = basic_block(state, f'{ENCODER}.layer{stage}.{block}', x, stride, training)
            block += 1
        levels.append(x)
    return levels


def basic_block(
    state: dict[str, Tensor], name: str, x: Tensor, stride: int, training: bool
) -> Tensor:
    """ResNet's block of two 3x3 convolutions."""
    identity = x
    if f'{name}.downsample.0.weight' in state:
        identity = conv(state, f'{name}.downsample.0', x, stride)
        identity = batch_norm(state, f'{name}.downsample.1', identity, training)
    out = F.relu(
        batch_norm(state, f'{name}.bn1', conv(state, f'{name}.conv1', x, stride), training)
    )
    out = batch_norm(state, f'{name}.bn2', conv(state, f'{name}.conv2', out), training)
    return F.relu(out + identity)


def decode(state: dict[str, Tensor], levels: list[tuple[Tensor, ...]], training: bool) -> Tensor:
    """The tri-fusion decoder, from deep to shallow, and the output: (N, 1, H, W)."""
    fused = None
    for i in (3, 2, 1, 0):  # strides 32, 16, 8, 4
        before, after = levels[i]
        if f'{DECODER}.cross_attention.{i}.embed.weight' in state:
            name = f'{DECODER}.cross_attention.{i}'
            before, after = cross_attention(state, name, before, after, training)
        if fused is None:
            fused = fuse_deepest(state, f'{DECODER}.deepest_fusion', before, after)
        else:
            fused = fuse(state, f'{DECODER}.tri_fusions.{i}', before, after, fused)
    x = upsample(state, f'{DECODER}.upsample1', fused)
    x = upsample(state, f'{DECODER}.upsample2', x)
    return conv(state, f'{DECODER}.classifier', x)


def fuse_deepest(state: dict[str, Tensor], name: str, before: Tensor, after: Tensor) -> Tensor:
    """The fusion at stride 32, (N, C, h, w)."""
    before = group_norm(state, f'{name}.norm', before)
    after = group_norm(state, f'{name}.norm', after)
    return conv(state, f'{name}.reduce', torch.cat([before, after], dim=1))


def fuse(
    state: dict[str, Tensor], name: str, before: Tensor, after: Tensor, deeper: Tensor
) -> Tensor:
    """The fusion of both dates with the result of the level below, (N, C, h, w)."""
    before = group_norm(state, f'{name}.norm', before)
    after = group_norm(state, f'{name}.norm', after)
    differ = group_norm(state, f'{name}.norm', upsample(state, f'{name}.upsample', deeper))
    x = torch.cat([before, after, differ], dim=1)  # (N, 3C, h, w)
    return squeeze_reduce(state, f'{name}.squeeze_reduce', x)


def squeeze_reduce(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """(N, 3C, h, w) weighted by channel and reduced to (N, C, h, w)."""
    pooled = F.adaptive_avg_pool2d(x, 1).flatten(1)  # (N, 3C)
    weight = F.relu(linear(state, f'{name}.excite.0', pooled))
    weight = torch.sigmoid(linear(state, f'{name}.excite.2', weight))
    x = x + x * weight[:, :, None, None]
    y = F.relu(group_norm(state, f'{name}.reduce.1', conv(state, f'{name}.reduce.0', x)))
    refined = group_norm(state, f'{name}.refine.1', conv(state, f'{name}.refine.0', y))
    return y + F.relu(refined)


def cross_attention(
    state: dict[str, Tensor], name: str, before: Tensor, after: Tensor, training: bool
) -> tuple[Tensor, Tensor]:
    """Each date's map with the context that the other date's queries gather from it."""
    num = before.shape[0]
    before_tokens = embed(state, f'{name}.embed', before) + state[f'{name}.before_token']
    after_tokens = embed(state, f'{name}.embed', after) + state[f'{name}.after_token']
    before_tokens, after_tokens = attend(state, f'{name}.block', before_tokens, after_tokens)
    before_map = unembed(state, name, before_tokens, before)
    after_map = unembed(state, name, after_tokens, after)
    both = batch_norm(state, f'{name}.norm', torch.cat([before_map, after_map]), training)
    return both[:num] + before, both[num:] + after


def embed(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """One token a patch, (N, L, C)."""
    weight = state[f'{name}.weight']
    return F.conv2d(x, weight, stride=weight.shape[2]).flatten(2).transpose(1, 2)


def unembed(state: dict[str, Tensor], name: str, tokens: Tensor, like: Tensor) -> Tensor:
    """Tokens (N, L, C) back to a map, (N, C, h, w) as ``like``."""
    patch = state[f'{name}.embed.weight'].shape[2]
    height, width = like.shape[2] // patch, like.shape[3] // patch
    x = tokens.transpose(1, 2).reshape(*like.shape[:2], height, width)
    if patch > 1:
        x = F.interpolate(x, scale_factor=patch, mode='bilinear', align_corners=True)
    return conv(state, f'{name}.project', x)


def attend(
    state: dict[str, Tensor], name: str, before: Tensor, after: Tensor
) -> tuple[Tensor, Tensor]:
    """The block of one head over both dates' tokens, (N, L, C) each."""

    def query_key_value(x: Tensor) -> list[Tensor]:
        parts = linear(state, f'{name}.qkv', x).chunk(3, dim=2)
        return [layer_norm(state, f'{name}.qkv_norm', part) for part in parts]

    before = layer_norm(state, f'{name}.input_norm', before)
    after = layer_norm(state, f'{name}.input_norm', after)
    query_before, key_before, value_before = query_key_value(before)
    query_after, key_after, value_after = query_key_value(after)
    context_after = gather(query_before, key_after, value_after)
    context_before = gather(query_after, key_before, value_before)
    before = layer_norm(state, f'{name}.context_norm', before + context_before)
    after = layer_norm(state, f'{name}.context_norm', after + context_after)
    return before + mlp(state, f'{name}.mlp', before), after + mlp(state, f'{name}.mlp', after)


def gather(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    attention = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])  # (N, L, L)
    return attention.softmax(dim=2) @ value


def mlp(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    x = F.gelu(layer_norm(state, f'{name}.norm1', linear(state, f'{name}.fc1', x)))
    return layer_norm(state, f'{name}.norm2', linear(state, f'{name}.fc2', x))


def conv(state: dict[str, Tensor], name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = state[f'{name}.weight']
    padding = weight.shape[2] // 2
    return F.conv2d(x, weight, state.get(f'{name}.bias'), stride=stride, padding=padding)


def upsample(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A transposed convolution 2x2 of stride 2."""
    return F.conv_transpose2d(x, state[f'{name}.weight'], state[f'{name}.bias'], stride=2)


def linear(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.linear(x, state[f'{name}.weight'], state.get(f'{name}.bias'))


def layer_norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], state[f'{name}.weight'], state[f'{name}.bias'], eps=1e-5)


def group_norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Groups of 32 channels; slim variants narrower than that have one group."""
    groups = max(x.shape[1] // 32, 1)
    return F.group_norm(x, groups, state[f'{name}.weight'], state[f'{name}.bias'], eps=1e-5)
