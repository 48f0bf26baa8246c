"""Test-time augmentation: the mean over a pair and its mirror images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mmcd.inference.predictor import ChangePredictor

# As published test-time augmentation has it: as it is, mirrored left to right, and upside down.
MIRRORED: tuple[tuple[int, ...], ...] = ((), (-1,), (-2,))


class FlipAveragingPredictor(ChangePredictor):
    """Averages the scores of a predictor over the mirrored tiles; three times its work.

    Args:
        predictor: any other.
    """

    def __init__(self, predictor: ChangePredictor) -> None:
        super().__init__(
            image=predictor.image,
            classes=predictor.classes,
            threshold=predictor.threshold,
            tile_size=predictor.tile_size,
            precision=predictor.precision,
            cfg=predictor.cfg,
        )
        self.predictor = predictor
        self.form = getattr(predictor, 'form', None)
        self.align_corners = getattr(predictor, 'align_corners', False)

    @property
    def size_divisor(self) -> int:
        """See :class:`ChangePredictor`."""
        return self.predictor.size_divisor

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`."""
        scores = [
            self.predictor.predict_tensor(pairs.flip(axes)).flip(axes)
            if axes
            else self.predictor.predict_tensor(pairs)
            for axes in MIRRORED
        ]
        return torch.stack(scores).mean(dim=0)

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        return dict(self.predictor.describe(), tta='mean over flips')
