"""Refinement of uncertain points: a loss that shapes the fusion results while training.

Nothing of this runs at test time: a decoder does not hold these modules, a head does.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

IGNORED_LABEL = 255


def point_count(height: int, width: int) -> int:
    """How many points a map of this size is refined at: the square root of its area, at least 1."""
    return max(round(math.sqrt(height * width)), 1)


def read_points(maps: Tensor, points: Tensor, *, mode: str = 'bilinear') -> Tensor:
    """Read maps at points, with zeros beyond the border.

    Args:
        maps: the maps.
        points: x and y of each point; the unit square spans the map from edge to edge.
        mode: ``bilinear`` or ``nearest``.

    Shape:
        ``maps``: (N, C, H, W); ``points``: (N, P, 2); the result: (N, C, P), in the points' type
        (positions in half precision would be off by pixels).
    """
    grid = 2 * points.unsqueeze(2) - 1  # (N, P, 1, 2) in -1..1
    read = F.grid_sample(maps.to(points.dtype), grid, mode=mode, align_corners=False)
    return read.squeeze(3)


@torch.no_grad()
def sample_points(
    coarse: Tensor, count: int, *, generator: torch.Generator | None = None
) -> Tensor:
    """Draw points, three quarters of them where a coarse logit is most uncertain.

    ``2 * count`` points are drawn uniformly, of which the three quarters of ``count`` (rounded
    down) nearest to a probability of 0.5 are kept; the rest are new uniform ones.

    Args:
        coarse: the coarse logits.
        count: the number of points P to give.
        generator: the source of randomness, on the device of ``coarse``; torch's own by default.

    Shape:
        ``coarse``: (N, 1, H, W); the result: (N, P, 2), x and y in 0..1, the uncertain ones first.
    """
    num, kept = coarse.shape[0], 3 * count // 4
    drawn = torch.rand(num, 2 * count, 2, generator=generator, device=coarse.device)
    rest = torch.rand(num, count - kept, 2, generator=generator, device=coarse.device)
    # |sigmoid(x) - 0.5| grows with |x|, which does not tie where the sigmoid saturates.
    certainty = read_points(coarse, drawn).squeeze(1).abs()  # (N, 2P)
    chosen = certainty.topk(kept, dim=1, largest=False).indices
    uncertain = drawn.gather(1, chosen.unsqueeze(2).expand(-1, -1, 2))
    return torch.cat([uncertain, rest], dim=1)


def point_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy over the points whose label is not ignored; 0 when there are none.

    Args:
        logits: the points' logits.
        labels: 0, 1, or 255 for a point that leaves the loss.

    Shape:
        ``logits`` and ``labels`` alike; the result: ().
    """
    logits = logits.float()  # sums of many points are kept out of half precision
    counted = (labels != IGNORED_LABEL).float()
    changed = (labels == 1).float()
    total = F.binary_cross_entropy_with_logits(logits, changed, weight=counted, reduction='sum')
    return total / counted.sum().clamp(min=1)


class PointMLP(nn.Module):
    """A small MLP on each point's features.

    Args:
        channels: channels of a point.
        dropout: dropout after the activation.

    Shape:
        (N, C, P) to (N, 1, P).
    """

    def __init__(self, channels: int, *, dropout: float) -> None:
        super().__init__()
        self.fc1 = nn.Conv1d(channels, channels, 1)
        self.norm = nn.LayerNorm(channels)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Conv1d(channels, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.fc1(x).transpose(1, 2)).transpose(1, 2)
        return self.fc2(self.dropout(F.gelu(hidden)))


class PointRefinement(nn.Module):
    """The refinement loss of one level: a coarse logit, and a second look at uncertain points.

    Args:
        channels: channels of the level's fusion result.
        dropout: dropout in the point MLP.

    Shape:
        ``features``: (N, C, H, W); ``label``: (N, H', W') of 0, 1 or 255 (ignored), of any size as
        long as both span the same ground: a padded image's label is padded too, with 255; the
        loss: ().
    """

    def __init__(self, channels: int, *, dropout: float = 0.3) -> None:
        super().__init__()
        self.coarse_logit = nn.Conv2d(channels, 1, 1)
        self.mlp = PointMLP(channels + 1, dropout=dropout)

    def forward(
        self, features: Tensor, label: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        coarse = self.coarse_logit(features)
        points = sample_points(coarse, point_count(*coarse.shape[2:]), generator=generator)
        labels = read_points(label.unsqueeze(1), points, mode='nearest')
        return point_loss(self.refine(features, coarse, points), labels)

    def refine(self, features: Tensor, coarse: Tensor, points: Tensor) -> Tensor:
        """Logits (N, 1, P) at points (N, P, 2), the coarse logit's own gradient included."""
        return self.mlp(read_points(torch.cat([features, coarse], dim=1), points))


class ProgressiveRefinement(nn.Module):
    """The mean of the refinement losses of all levels.

    Args:
        in_channels: channels of the fusion results, in the order in which they will be given.
        dropout: dropout in the point MLPs.

    Shape:
        ``fused``: one (N, C_l, H_l, W_l) per level; ``label``: (N, H, W) of 0, 1 or 255
        (ignored); the loss: ().

    Reference:
        PRX-Change: Enhancing remote sensing change detection through progressive feature
        refinement and Cross-Attention interaction, 2024.
    """

    def __init__(
        self, *, in_channels: tuple[int, ...] = (64, 128, 256, 512), dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.levels = nn.ModuleList(PointRefinement(c, dropout=dropout) for c in in_channels)

    def forward(
        self, fused: tuple[Tensor, ...], label: Tensor, *, generator: torch.Generator | None = None
    ) -> Tensor:
        losses = [
            level(features, label, generator=generator)
            for level, features in zip(self.levels, fused, strict=True)
        ]
        return torch.stack(losses).mean()
