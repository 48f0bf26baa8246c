"""Whether an exported network answers as the trained model does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from mmcd.errors import ExportError
from mmcd.inference.network_predictor import NetworkPredictor
from mmcd.models.scores import scores_of_logits
from mmcd.structures import ImageSpec
from mmcd.structures.change_classes import UNCHANGED
from mmcd.structures.image_spec import moments_of

# Of the largest logit. Rounding gives 1e-6; the faults that are looked for gave 1e-2 and more.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Deviation:
    """How far two programs' answers are apart at the most.

    Args:
        probability: difference of the probabilities.
        logits: difference of the logits, relative to the largest one where that is above 1.
        num_cases: number of batches and sizes that were compared.
    """

    probability: float
    logits: float
    num_cases: int


def check_parity(
    reference: NetworkPredictor,
    run: Callable[[np.ndarray], Mapping[str, np.ndarray]],
    shapes: list[tuple[int, int, int, int]],
) -> Deviation:
    """Compare an exported network with the trained model.

    Args:
        reference: runs the trained model, as it was trained.
        run: returns ``probability`` and ``logits`` of tiles (N, 2C, H, W), float32 where the images
            are not of 8 bit, or are standardised.
        shapes: the shapes (N, 2C, H, W) to compare at.

    Raises:
        ExportError: a shape fails, or deviates by more than :data:`TOLERANCE`.
    """
    worst_probability = worst_logits = 0.0
    for shape, tiles in _sample_tiles(shapes, reference.image):
        expected = _expected(reference, tiles)
        try:
            found = run(tiles)
        except Exception as error:  # of many types, such as a size that the file does not take
            raise ExportError(
                f'The exported network fails on a batch of {shape}: '
                f'{str(error).strip().splitlines()[0]}. No file was written.'
            ) from error
        scale = max(1.0, float(np.abs(expected['logits']).max()))
        logits = _distance(found['logits'], expected['logits']) / scale
        probability = _distance(found['probability'], expected['probability'])
        # Not `>`: a NaN must not pass.
        if not max(logits, probability) <= TOLERANCE:
            raise ExportError(
                f'The exported network does not answer as the trained model does: on a batch of '
                f'{shape} its logits differ by {logits:.1e} of the largest one, its probabilities '
                f'by {probability:.1e}, and {TOLERANCE:.0e} is allowed. No file was written.'
            )
        worst_logits = max(worst_logits, logits)
        worst_probability = max(worst_probability, probability)
    return Deviation(worst_probability, worst_logits, len(shapes))


def _expected(reference: NetworkPredictor, tiles: np.ndarray) -> dict[str, np.ndarray]:
    """The trained model's ``logits`` and ``probability`` of the kinds of change, (N, K - 1, H, W).

    Args:
        reference: see :func:`check_parity`.
        tiles: (N, 2C, H, W); sizes that it needs not pad.
    """
    # One at a time: a batch of the trained network's full-size tiles took 7.6 GB, and its members
    # do not depend on each other.
    logits = torch.cat(
        [reference.predict_logits(tile) for tile in torch.from_numpy(tiles).split(1)]
    )
    kinds = scores_of_logits(logits)[:, UNCHANGED + 1 :]
    return dict(logits=logits.cpu().numpy(), probability=kinds.cpu().numpy())


def _distance(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float('inf')
    return float(np.abs(found - expected).max())


def _sample_tiles(
    shapes: list[tuple[int, int, int, int]], image: ImageSpec
) -> Iterator[tuple[tuple[int, int, int, int], np.ndarray]]:
    """Images of blocks and noise; the dates differ in their right half."""
    rng = np.random.default_rng(0)
    low, high = image.value_range or (0, 255)
    for shape in shapes:
        num, channels, height, width = shape
        coarse = rng.integers(0, 200, (num, channels, -(-height // 8), -(-width // 8)))
        blocks = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
        half = channels // 2
        blocks[:, half:, :, : width // 2] = blocks[:, :half, :, : width // 2]
        tiles = blocks + rng.integers(0, 56, shape)
        if image.standardize:
            yield shape, image.standardized(tiles, moments_of(tiles))
            continue
        if image.dtype == 'uint8':
            yield shape, tiles.astype(np.uint8)
            continue
        # Over the whole range of values, and a little beyond it.
        values = low + (tiles * (1.1 / 255) - 0.05) * (high - low)
        yield shape, values.astype(np.float32)
