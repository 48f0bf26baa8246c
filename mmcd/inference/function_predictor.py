"""Any function of tiles as a predictor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mmcd.inference.predictor import ChangePredictor
from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ImageSpec


class FunctionPredictor(ChangePredictor):
    """A function in the place of a network, such as one of another library, or a simple baseline.

    Args:
        function: from tiles of both dates to the probability of change.
        image: what one date's images are.
        **kwargs: ``threshold`` and ``tile_size``, see :class:`ChangePredictor`.

    Shape:
        the function takes an array (N, 2C, H, W), ``before`` in the first C bands, of uint8 or
        (other types than 8 bit) float32, and gives (N, H, W) float32.

    Example:
        >>> predictor = FunctionPredictor(lambda tiles: my_network(tiles), threshold=0.4)
        >>> predict_scene(predictor, 'before.tif', 'after.tif', 'change.tif')
    """

    def __init__(
        self,
        function: Callable[[np.ndarray], np.ndarray],
        *,
        image: ImageSpec = RGB_8BIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(image=image, classes=BINARY_CHANGE, **kwargs)
        self.function = function

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`."""
        changed = torch.from_numpy(self.function(pairs.cpu().numpy()))
        return torch.stack([1 - changed, changed], dim=1)

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        return dict(type=getattr(self.function, '__qualname__', type(self.function).__name__))
