"""The one way to predict: tiles in, class scores out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from mmcd.errors import ImagePairError
from mmcd.models.model_description import DEFAULT_THRESHOLD
from mmcd.structures import ChangeClasses, ImageSpec

DEFAULT_TILE_SIZE = 512


class ChangePredictor(ABC):
    """A network with all that is needed to run it on images and to read its answer.

    Made from a network as trained, restructured for inference, or exported; what comes after
    (``predict_pair``, ``predict_scene``, ``tools/test.py``, the export's check, benchmarks) knows
    this interface only.

    Args:
        image: what one date's images are.
        classes: what the scores are of.
        threshold: a pixel is changed where the scores of all kinds of change exceed it.
        tile_size: height and width of the tiles that large images are best cut into.
        precision: name of the number format that the network works in.
        cfg: the config that it was made with, for how files are read and cut into windows.
    """

    def __init__(
        self,
        *,
        image: ImageSpec,
        classes: ChangeClasses,
        threshold: float = DEFAULT_THRESHOLD,
        tile_size: int = DEFAULT_TILE_SIZE,
        precision: str = 'float32',
        cfg: Config | None = None,
    ) -> None:
        self.image = image
        self.classes = classes
        self.threshold = threshold
        self.tile_size = tile_size
        self.precision = precision
        self.cfg = cfg

    @property
    def size_divisor(self) -> int:
        """The network works on heights and widths that are multiples of this; others are padded."""
        return 1

    def predict(self, tiles: np.ndarray) -> np.ndarray:
        """Class scores of tiles.

        Args:
            tiles: both dates, ``before`` in the first C bands, in the order and type of ``image``.

        Shape:
            (N, 2C, H, W), any H and W, to (N, K, H, W) float32; they sum to one over K.

        Raises:
            ImagePairError: the tiles have other bands or another type than ``image`` says.
        """
        expected = 2 * self.image.num_bands
        if tiles.ndim != 4 or tiles.dtype != self.image.dtype or tiles.shape[1] != expected:
            raise ImagePairError(
                f'Expected tiles (N, {expected}, H, W) of {self.image.dtype}, both dates with '
                f'{self.image.describe()}, but got {tiles.shape} of {tiles.dtype}.'
            )
        # PyTorch has few operations for other integers.
        values = tiles if tiles.dtype == np.uint8 else tiles.astype(np.float32)
        return self.predict_tensor(torch.from_numpy(values)).cpu().numpy()

    @abstractmethod
    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """The same for tensors (N, 2C, H, W) of uint8 or float32, on any device.

        Values are those of the files: what scales and normalises them is part of the predictor.
        """

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What tells this predictor from others, in plain values: weights, form and precision."""
