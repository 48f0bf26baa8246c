"""Batches of tiles that fit the device's memory."""

from __future__ import annotations

import logging

import numpy as np
import torch

from mmcd.errors import SceneStoppedError
from mmcd.inference.predictor import ChangePredictor
from mmcd.structures.change_classes import UNCHANGED

logger = logging.getLogger('mmcd.scene')


class HalvingBatches:
    """Predicts batches; where the device's memory does not hold one, halves it and says so.

    Args:
        predictor: what answers.
        batch_size: number of tiles at a time.
    """

    def __init__(self, predictor: ChangePredictor, batch_size: int) -> None:
        self._predictor = predictor
        self.batch_size = batch_size

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """The scores of each kind of change for at most ``batch_size`` tiles.

        Shape:
            (N, 2C, H, W) to (N, K - 1, H, W).

        Raises:
            SceneStoppedError: not even a single tile fits.
        """
        done: list[np.ndarray] = []
        position = 0
        while position < len(tiles):
            part = tiles[position : position + self.batch_size]
            try:
                done.append(self._predictor.predict(part)[:, UNCHANGED + 1 :])
            except torch.cuda.OutOfMemoryError as error:
                self._halve(part, error)
                continue
            position += len(part)
        return np.concatenate(done) if len(done) > 1 else done[0]

    def _halve(self, tiles: np.ndarray, error: Exception) -> None:
        if len(tiles) == 1:
            height, width = tiles.shape[2:]
            raise SceneStoppedError(
                f'The device has not enough memory for a single tile of {height} x {width}: use '
                'smaller ones, such as --tile 256.'
            ) from error
        self.batch_size = (len(tiles) + 1) // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        logger.warning(
            'The device has not enough memory for a batch of %d tiles: going on with %d.',
            len(tiles),
            self.batch_size,
        )
