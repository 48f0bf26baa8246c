"""The network as a function from tiles to probabilities, and batches that fit the device."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from mmcd.errors import ImagePairError, SceneError, SceneStoppedError
from mmcd.inference.cache import optimized
from mmcd.inference.exported_model import ExportedModel, check_settings
from mmcd.io.weights_hash import weights_sha256
from mmcd.models.probability import probability_of_logits
from mmcd.models.tile_logits import tile_logits
from mmcd.scene.settings import SceneSettings

logger = logging.getLogger('mmcd.scene')

# (N, 2C, H, W) uint8, before in the first C bands, in RGB order where C = 3
# -> (N, H, W) float32, the probability of change
PredictTiles = Callable[[np.ndarray], np.ndarray]


class ModelPredictor:
    """A model of :func:`mmcd.apis.init_model` as a :data:`PredictTiles`.

    Args:
        model: any segmentor for stacked pairs with one or two channels of logits.
        precision: see :func:`mmcd.apis.predict_pair`.
        compile: see :func:`mmcd.apis.predict_pair`.

    Raises:
        ConfigError: the device does not work in this precision, or there is no such.
    """

    def __init__(
        self, model: nn.Module, *, precision: str | None = None, compile: bool = False
    ) -> None:
        self._trained = model
        self._model = optimized(model, precision=precision, compile=compile)

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        height, width = tiles.shape[2:]
        changed = probability_of_logits(tile_logits(self._model, tiles))[:, 0]
        # A data preprocessor may have padded at the bottom and the right.
        return changed[:, :height, :width].cpu().numpy()

    def describe(self) -> dict[str, Any]:
        """What tells this model from others: its type and a hash of its weights and its config."""
        config = getattr(self._trained, 'cfg', None)
        text = '' if config is None else str(sorted(config.model.to_dict().items(), key=str))
        device = next(iter(self._trained.state_dict().values()), torch.empty(0)).device.type
        return dict(
            type=type(self._trained).__name__,
            weights_sha256=weights_sha256(self._trained),
            config=getattr(config, 'filename', None),
            config_sha256=hashlib.sha256(text.encode()).hexdigest(),
            device=device,
            precision=self._model.precision,
        )


def as_predictor(
    model: nn.Module | ExportedModel, *, precision: str | None = None, compile: bool = False
) -> PredictTiles:
    """A model as a function of tiles; an exported one is one already.

    Raises:
        ConfigError: the device, or the exported model, does not work in this precision.
    """
    if isinstance(model, ExportedModel):
        check_settings(model, precision, compile=compile)
        return model
    return ModelPredictor(model, precision=precision, compile=compile)


def own_settings(model: object) -> dict[str, Any]:
    """The tile size and the threshold that an exported model names, or the defaults."""
    source = model if isinstance(model, ExportedModel) else SceneSettings()
    return dict(tile_size=source.tile_size, threshold=source.threshold)


def describe_predictor(predict: PredictTiles) -> dict[str, Any]:
    """A model's own description, or the name of any other function."""
    if isinstance(predict, (ModelPredictor, ExportedModel)):
        return predict.describe()
    return dict(type=getattr(predict, '__qualname__', type(predict).__name__))


class HalvingBatches:
    """Predicts batches; where the device's memory does not hold one, halves it and says so.

    Args:
        predict: the network.
        batch_size: number of tiles at a time.
    """

    def __init__(self, predict: PredictTiles, batch_size: int) -> None:
        self._predict = predict
        self.batch_size = batch_size

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Probabilities (N, H, W) of at most ``batch_size`` tiles (N, 2C, H, W).

        Raises:
            SceneStoppedError: not even a single tile fits.
            SceneError: the model takes another number of bands, or gives something else.
        """
        done: list[np.ndarray] = []
        position = 0
        while position < len(tiles):
            part = tiles[position : position + self.batch_size]
            try:
                done.append(self._checked(part))
            except torch.cuda.OutOfMemoryError as error:
                self._halve(part, error)
                continue
            position += len(part)
        return np.concatenate(done) if len(done) > 1 else done[0]

    def _checked(self, tiles: np.ndarray) -> np.ndarray:
        try:
            probability = self._predict(tiles)
        except (ImagePairError, RuntimeError) as error:
            if isinstance(error, torch.cuda.OutOfMemoryError) or 'channels' not in str(error):
                raise
            raise SceneError(
                f'The model does not take {tiles.shape[1] // 2} bands a date: {error}. Name the '
                'bands that it takes with --bands.'
            ) from error
        expected = (len(tiles), *tiles.shape[2:])
        if probability.shape != expected:
            raise SceneError(
                f'Expected a probability for each pixel, {expected}, but the model gave '
                f'{probability.shape}.'
            )
        return probability

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
