"""Soft Dice loss over classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.registry import MODELS

# Axes of (N, C, H, W) that one Dice coefficient sums over.
SUMMED_AXES = {
    'class': (0, 2, 3),
    'class_and_column': (0, 2),
}


@MODELS.register_module()
class DiceLoss(nn.Module):
    """1 - mean of 2 * sum(p * t) / (sum(p + t) + eps), p softmax, t one-hot.

    Args:
        per: what one Dice coefficient stands for. 'class' is the usual form: sums over batch, rows
            and columns. 'class_and_column' sums over batch and rows only and so makes one for
            every class and every image column. That is what DARNet's release computes (an axis
            slip of a widely copied snippet), and its published results rest on it.
        eps: added to the denominator.
        loss_weight: factor of the loss.
        loss_name: its name in the log.

    Shape:
        logits (N, C, H, W), labels (N, H, W) of int64 with values 0 .. C-1 or the ignore index;
        ignored pixels count neither in p nor in t. One logit of change (N, 1, H, W) is as two, of
        which that of the unchanged is 0. Returns a scalar.

    Raises:
        ConfigError: ``per`` is neither of the two.

    Reference:
        Milletari et al., "V-Net", 3DV 2016, eq. 3, with plain sums in the denominator.
    """

    def __init__(
        self,
        *,
        per: str = 'class',
        eps: float = 1e-7,
        loss_weight: float = 1.0,
        loss_name: str = 'loss_dice',
    ) -> None:
        super().__init__()
        if per not in SUMMED_AXES:
            raise ConfigError(f'DiceLoss: `per` must be one of {list(SUMMED_AXES)}, got {per!r}.')
        self.per = per
        self.eps = eps
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int | None = 255,
    ) -> Tensor:
        # float32: sums over a whole batch overflow half precision.
        logits = logits.float()
        if logits.shape[1] == 1:
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        probability = logits.softmax(dim=1)
        valid = torch.ones_like(label) if ignore_index is None else (label != ignore_index)
        target = F.one_hot((label * valid), logits.shape[1]).movedim(-1, 1)
        mask = valid.unsqueeze(1).to(probability)  # (N, 1, H, W)
        if weight is not None:
            mask = mask * weight.unsqueeze(1)
        target = target * mask
        probability = probability * mask
        axes = SUMMED_AXES[self.per]
        overlap = 2 * (probability * target).sum(axes)
        dice = overlap / ((probability + target).sum(axes) + self.eps)
        return self.loss_weight * (1 - dice.mean())
