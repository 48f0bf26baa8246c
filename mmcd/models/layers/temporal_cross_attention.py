"""Cross-attention between the two dates of a feature map."""

from __future__ import annotations

import torch
from mmcv.cnn.bricks import DropPath
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.models.layers.pair_ops import apply_to_dates


class TokenMLP(nn.Module):
    """Two linear layers over each token, each with a LayerNorm behind it.

    Args:
        channels: width of the tokens.
        dropout: dropout after the activation and at the end.

    Shape:
        (N, L, C) to (N, L, C).
    """

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, channels)
        self.norm1 = nn.LayerNorm(channels)
        self.fc2 = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.dropout(F.gelu(self.norm1(self.fc1(tokens))))
        return self.dropout(self.norm2(self.fc2(hidden)))


class CrossDateBlock(nn.Module):
    """One transformer block in which each date is attended to by the other date's queries.

    The output token of a date is gathered from its own values, weighed by the likeness of the
    other date's query to its own keys. One head; all weights are shared between the dates.

    Args:
        channels: width of the tokens.
        attention_dropout: dropout of the attention weights.
        dropout: dropout in the MLP.
        drop_path: chance of a sample to skip a residual branch while training.

    Shape:
        (2N, L, C) to (2N, L, C), ``before`` in the first N.
    """

    def __init__(
        self, channels: int, *, attention_dropout: float, dropout: float, drop_path: float
    ) -> None:
        super().__init__()
        self.attention_dropout = attention_dropout
        self.input_norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels, bias=False)
        self.qkv_norm = nn.LayerNorm(channels)
        self.context_norm = nn.LayerNorm(channels)
        self.mlp = TokenMLP(channels, dropout=dropout)
        self.drop_path = DropPath(drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        # The residual starts at the normed tokens, not at the tokens themselves.
        tokens = self.input_norm(tokens)
        tokens = self.context_norm(tokens + self.drop_path(self._context(tokens)))
        return tokens + self.drop_path(self.mlp(tokens))

    def _context(self, tokens: Tensor) -> Tensor:
        num = tokens.shape[0] // 2
        # q, k and v are normed one by one, by the same weights: (2N, L, 3, C).
        qkv = self.qkv_norm(self.qkv(tokens).unflatten(-1, (3, -1)))
        query, key, value = qkv.unbind(dim=2)
        # The dates swap their queries and keep their keys and values.
        query = torch.cat([query[num:], query[:num]])
        # With an axis for the one head, which the fused kernels ask for: (2N, 1, L, C).
        context = F.scaled_dot_product_attention(
            query.unsqueeze(1),
            key.unsqueeze(1),
            value.unsqueeze(1),
            dropout_p=self.attention_dropout if self.training else 0.0,
        )
        return context.squeeze(1)


class TemporalCrossAttention(nn.Module):
    """Lets the two dates' maps of one level exchange context, as a residual.

    Args:
        channels: channels of each date's map.
        patch_size: side of the square patches that become tokens.
        attention_dropout: dropout of the attention weights.
        dropout: dropout in the block's MLP.
        drop_path: chance of a sample to skip a residual branch while training.

    Shape:
        ``before``, ``after``: (N, C, H, W) each, to two maps of the same shape.

    Raises:
        ValueError: height or width is no multiple of ``patch_size``.

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    def __init__(
        self,
        channels: int,
        *,
        patch_size: int,
        attention_dropout: float = 0.1,
        dropout: float = 0.1,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        self.patch_size = patch_size
        self.embed = nn.Conv2d(channels, channels, patch_size, stride=patch_size, bias=False)
        self.before_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.after_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.block = CrossDateBlock(
            channels, attention_dropout=attention_dropout, dropout=dropout, drop_path=drop_path
        )
        self.project = nn.Conv2d(channels, channels, 1)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
        self._check_size(before)
        # BatchNorm sees both dates as one batch, `before` first.
        context_before, context_after = apply_to_dates(
            self._exchange, before, after, one_batch=True
        )
        return before + context_before, after + context_after

    def _check_size(self, x: Tensor) -> None:
        height, width = x.shape[2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(
                f'Expected a map whose height and width are multiples of the patch size '
                f'{self.patch_size}, but got {height} x {width}. Pad the images to multiples of 32.'
            )

    def _exchange(self, both: Tensor) -> Tensor:
        """Context of both dates, (2N, C, H, W) to (2N, C, H, W), ``before`` in the first N."""
        num = both.shape[0] // 2
        embedded = self.embed(both)  # (2N, C, H / p, W / p)
        tokens = embedded.flatten(2).transpose(1, 2)  # (2N, L, C)
        tokens = torch.cat([tokens[:num] + self.before_token, tokens[num:] + self.after_token])
        tokens = self.block(tokens)
        # Maps may be rectangular: the size is carried, not taken as the square root of L.
        context = tokens.transpose(1, 2).reshape(embedded.shape)
        # The published order is up-sampling, then this convolution. A 1x1 convolution commutes
        # with interpolation (whose weights sum to 1, so the bias is kept too) and costs a
        # 1 / p^2 of the work here.
        context = self.project(context)
        if self.patch_size > 1:
            context = F.interpolate(
                context, size=both.shape[2:], mode='bilinear', align_corners=True
            )
        return self.norm(context)
