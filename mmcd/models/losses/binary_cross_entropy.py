"""Binary cross-entropy of one logit a pixel."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.registry import MODELS
from mmcd.structures.change_classes import UNCHANGED


@MODELS.register_module()
class BinaryCrossEntropyLoss(nn.Module):
    """The mean of the binary cross-entropy over the pixels that are not ignored.

    0 where all are ignored: MMSegmentation's own stops there.

    Args:
        loss_weight: factor of the loss.
        loss_name: its name in the log.

    Shape:
        logits (N, 1, H, W), labels (N, H, W) with values 0, 1 or the ignore index. Returns a
        scalar.
    """

    def __init__(self, *, loss_weight: float = 1.0, loss_name: str = 'loss_bce') -> None:
        super().__init__()
        self.loss_weight = loss_weight
        self.loss_name = loss_name

    def forward(
        self,
        logits: Tensor,
        label: Tensor,
        weight: Tensor | None = None,
        ignore_index: int = 255,
    ) -> Tensor:
        # float32: sums over a whole batch overflow half precision.
        logits = logits.squeeze(1).float()
        counted = label.ne(ignore_index).float()
        changed = label.ne(UNCHANGED).float()
        pixels = counted if weight is None else counted * weight
        total = F.binary_cross_entropy_with_logits(logits, changed, weight=pixels, reduction='sum')
        return self.loss_weight * total / counted.sum().clamp(min=1)
