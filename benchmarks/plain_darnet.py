"""DARNet written out plainly: what the fast network is measured and tested against.

Eager float32, NCHW, one date after the other, every operation as the paper and the release have it.
It shares no code with the package's network, only the names of the weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.plain_weights import PlainWeights, batch_norm

ENCODER = 'backbone.levels'
DECODER = 'decode_head.decoder'


class PlainDARNet(PlainWeights):
    """DARNet over a flat dict of weights; widths and depth are those of the weights.

    Args:
        state: the state dict of the package's DARNet; the weights are copied.
        training: make the weights parameters and start in training mode, where BatchNorm takes
            each batch's own statistics and updates the running ones. Off: an eval-mode module.

    Shape:
        ``before``, ``after``: (N, C, H, W) as preprocessed (raw 0..255), H and W multiples of 16.
        Output: the logits y_5 .. y_1, each (N, num_classes, H, W); the last is the prediction.

    Reference:
        Li et al., "A Densely Attentive Refinement Network for Change Detection Based on
        Very-High-Resolution Bitemporal Remote Sensing Images", IEEE TGRS 2022.
    """

    def __init__(self, state: Mapping[str, Tensor], *, training: bool = False) -> None:
        super().__init__(state, unused=('num_batches_tracked',), training=training)
        self.depth = len({name.split('.')[2] for name in self.names if name.startswith(ENCODER)})

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, ...]:
        state, depth = self.state, self.depth
        encoded_before = encode(state, before, depth, self.training)
        encoded_after = encode(state, after, depth, self.training)
        decoded = decode(state, encoded_before, encoded_after, depth, self.training)
        outputs = refine_labels(state, decoded, depth)
        return tuple(
            F.interpolate(y, size=before.shape[2:], mode='bilinear', align_corners=False)
            for y in outputs
        )


def encode(state: dict[str, Tensor], x: Tensor, depth: int, training: bool) -> dict[int, Tensor]:
    """h_k of one date for the levels k = 1..depth, (N, c * 2^(k - 1), H / s_k, W / s_k)."""
    levels = {}
    for k in range(1, depth + 1):
        if k > 1:
            x = F.max_pool2d(x, 2)
        x = conv_bn_relu(state, f'{ENCODER}.{k - 1}.0', x, training)
        x = conv_bn_relu(state, f'{ENCODER}.{k - 1}.1', x, training)
        levels[k] = x
    return levels


def decode(
    state: dict[str, Tensor],
    encoded_before: dict[int, Tensor],
    encoded_after: dict[int, Tensor],
    depth: int,
    training: bool,
) -> dict[int, Tensor]:
    """The decoder results hd_d for the levels d = depth..1."""
    before, after = encoded_before[depth], encoded_after[depth]
    before, after = attend_jointly(state, f'{DECODER}.attention.{depth}', before, after)
    change = nested_block(state, f'{DECODER}.change.{depth}', before, after, training)
    weight = channel_attention(state, f'{DECODER}.channel_attention.{depth}', change)
    decoded = {depth: weight * change}
    for d in range(depth - 1, 0, -1):
        before = skip_branches(state, encoded_before, d, training)
        after = skip_branches(state, encoded_after, d, training)
        if d > 1:
            before, after = attend_jointly(state, f'{DECODER}.attention.{d}', before, after)
        change = nested_block(state, f'{DECODER}.change.{d}', before, after, training)
        z = torch.cat([change, *deep_branches(state, decoded, d, depth, training)], dim=1)
        z = channel_attention(state, f'{DECODER}.channel_attention.{d}', z) * z
        decoded[d] = conv_bn_relu(state, f'{DECODER}.fuse.{d}', z, training)
    return decoded


def skip_branches(
    state: dict[str, Tensor], encoded: dict[int, Tensor], d: int, training: bool
) -> Tensor:
    """One date's encoder levels k = 1..d at the size of level d, (N, d * b, h, w)."""
    branches = []
    for k in range(1, d + 1):
        x = encoded[k]
        if k < d:
            factor = 2 ** (d - k)
            x = F.max_pool2d(x, factor, stride=factor, ceil_mode=True)
        branches.append(conv_bn_relu(state, f'{DECODER}.skip.{k}_to_{d}', x, training))
    return torch.cat(branches, dim=1)


def deep_branches(
    state: dict[str, Tensor], decoded: dict[int, Tensor], d: int, depth: int, training: bool
) -> list[Tensor]:
    """The decoder results j = d + 1..depth at the size of level d, each (N, b, h, w)."""
    branches = []
    for j in range(d + 1, depth + 1):
        x = F.interpolate(
            decoded[j], scale_factor=2 ** (j - d), mode='bilinear', align_corners=False
        )
        branches.append(conv_bn_relu(state, f'{DECODER}.deep.{j}_to_{d}', x, training))
    return branches


def attend_jointly(
    state: dict[str, Tensor], name: str, before: Tensor, after: Tensor
) -> tuple[Tensor, Tensor]:
    """Criss-cross attention, twice, over the two dates side by side."""
    width = before.shape[3]
    x = torch.cat([before, after], dim=3)  # (N, C, h, 2w): before on the left
    x = criss_cross_attention(state, name, x)
    x = criss_cross_attention(state, name, x)
    return x[..., :width], x[..., width:]


def criss_cross_attention(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """Every position attends to its row and its column under one softmax; (N, C, h, w)."""
    height = x.shape[2]
    query = conv(state, f'{name}.query', x)  # (N, C // 8, h, w)
    key = conv(state, f'{name}.key', x)
    value = conv(state, f'{name}.value', x)  # (N, C, h, w)

    column = query.permute(0, 3, 2, 1) @ key.permute(0, 3, 1, 2)  # (N, w, h, h)
    # The own place is in the row already.
    column = column + torch.full((height,), -torch.inf, dtype=x.dtype, device=x.device).diag()
    column = column.permute(0, 2, 1, 3)  # (N, h, w, h)
    row = query.permute(0, 2, 3, 1) @ key.permute(0, 2, 1, 3)  # (N, h, w, w)
    attention = torch.cat([column, row], dim=3).softmax(dim=3)  # (N, h, w, h + w)
    column, row = attention[..., :height], attention[..., height:]

    column_sum = column.permute(0, 2, 1, 3) @ value.permute(0, 3, 2, 1)  # (N, w, h, C)
    row_sum = row @ value.permute(0, 2, 3, 1)  # (N, h, w, C)
    context = column_sum.permute(0, 3, 2, 1) + row_sum.permute(0, 3, 1, 2)  # (N, C, h, w)
    return state[f'{name}.gamma'] * context + x


def nested_block(
    state: dict[str, Tensor], name: str, before: Tensor, after: Tensor, training: bool
) -> Tensor:
    """The change feature of two dates' features, (N, C, h, w) each; C channels."""
    u = conv(state, f'{name}.conv1', torch.cat([before, after], dim=1))
    v = F.relu(batch_norm(state, f'{name}.bn1', u, training))
    v = batch_norm(state, f'{name}.bn2', conv(state, f'{name}.conv2', v), training)
    return F.relu(v + u)


def channel_attention(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A weight in 0..1 for every channel, (N, C, 1, 1)."""

    def mlp(pooled: Tensor) -> Tensor:
        return conv(state, f'{name}.fc2', F.relu(conv(state, f'{name}.fc1', pooled)))

    return torch.sigmoid(mlp(F.adaptive_avg_pool2d(x, 1)) + mlp(F.adaptive_max_pool2d(x, 1)))


def refine_labels(state: dict[str, Tensor], decoded: dict[int, Tensor], depth: int) -> list[Tensor]:
    """The logits y_depth .. y_1, each at the size of its level."""
    outputs = [conv(state, f'{DECODER}.classify.{depth}', decoded[depth])]
    for d in range(depth - 1, 0, -1):
        deeper = F.interpolate(outputs[-1], scale_factor=2, mode='bilinear', align_corners=False)
        x = torch.cat([decoded[d], deeper], dim=1)
        outputs.append(conv(state, f'{DECODER}.classify.{d}', x))
    return outputs


def conv_bn_relu(state: dict[str, Tensor], name: str, x: Tensor, training: bool) -> Tensor:
    return F.relu(batch_norm(state, f'{name}.bn', conv(state, f'{name}.conv', x), training))


def conv(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """A convolution that keeps the size."""
    weight = state[f'{name}.weight']
    return F.conv2d(x, weight, state.get(f'{name}.bias'), padding=weight.shape[2] // 2)
