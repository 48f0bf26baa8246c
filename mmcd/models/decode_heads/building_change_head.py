"""A head that learns buildings at both dates, and predicts where they differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmseg.registry import MODELS as LOSSES
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import ConfigError
from mmcd.models.decode_heads.fc_siam_head import FCSiamHead
from mmcd.models.decode_heads.pair_head import Pyramid
from mmcd.models.layers.pair_ops import crop_to
from mmcd.registry import MODELS

# Label values: a building at no date, before only, after only, at both.
NEITHER, BEFORE, AFTER, BOTH = range(4)


@MODELS.register_module()
class BuildingChangeHead(FCSiamHead):
    """FC-Siam's decoder, trained on four labels and predicting two classes.

    Buildings that stay are most of what there is to learn from, and a label of change alone does
    not show them. So the network tells four cases apart while it trains: no building, one before
    only, one after only, one at both dates. In eval mode their logits are merged to those of
    unchanged and changed, whose softmax is exactly the sum of the cases' probabilities.

    Args:
        in_channels: see :class:`FCSiamHead`.
        loss_decode: the losses of the four cases.
        loss_change: a loss of the two classes, on the merged logits.
        stride: of the encoder's shallowest level; the logits are brought to the image's size.
        **kwargs: ``fusion``, ``convs_per_level``, ``dropout``, ``threshold``, ``ignore_index``,
            ``init_cfg``: see :class:`FCSiamHead`.

    Shape:
        Two pyramids of (N, C_l, H / (s 2^l), W / (s 2^l)), s the stride, to logits: (N, 4, H, W)
        while training, else
        (N, 2, H, W). Labels while training: 0 .. 3, the constants of this module, see
        ``labels='buildings'`` of :class:`mmcd.datasets.SyntheticPairDataset`.

    Raises:
        ConfigError: there are more than two classes.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        *,
        loss_decode: dict | Sequence[dict] = (
            dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
        ),
        loss_change: dict | None = None,
        stride: int = 1,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, loss_decode=loss_decode, **kwargs)
        if self.num_classes != 2:
            raise ConfigError(
                'BuildingChangeHead needs num_classes=2, unchanged and changed, which it learns '
                f'from four cases of its own; got num_classes={self.num_classes}.'
            )
        self.stride = stride
        self.size_divisor *= stride
        last = self.decoder.classify
        self.decoder.classify = nn.Conv2d(last.in_channels, 4, 3, padding=1)
        self.loss_change = LOSSES.build(loss_change or dict(type='mmcd.DiceLoss'))

    def decode(self, *pyramids: Pyramid) -> tuple[Tensor]:
        """The logits at full size: of the four cases while training, else of the two classes."""
        (cases,) = super().decode(*pyramids)
        if self.stride > 1:
            cases = F.interpolate(cases, scale_factor=self.stride, mode='bilinear')
        return (cases if self.training else merge_cases(cases),)

    def output_loss(self, logits: Tensor, label: Tensor) -> Tensor:
        """The losses of the cases, and that of the classes."""
        merged = merge_cases(crop_to(logits, label.shape[1:]))
        changed = ((label == BEFORE) | (label == AFTER)).to(label.dtype)
        changed = torch.where(label == self.ignore_index, label, changed)
        change = self.loss_change(merged, changed, ignore_index=self.ignore_index)
        return super().output_loss(logits, label) + change


def merge_cases(logits: Tensor) -> Tensor:
    """From the logits of the four cases to those of unchanged and changed.

    Shape:
        (N, 4, H, W) to (N, 2, H, W).
    """
    unchanged = torch.logsumexp(logits[:, [NEITHER, BOTH]], dim=1)
    changed = torch.logsumexp(logits[:, [BEFORE, AFTER]], dim=1)
    return torch.stack([unchanged, changed], dim=1)
