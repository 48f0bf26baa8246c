"""The one way to predict: tiles in, class scores out; and predictors that are made of others."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.config import Config
from torch import Tensor

from mmcd.errors import ConfigError, ImagePairError, PredictionError
from mmcd.models.model_description import DEFAULT_THRESHOLD, check_threshold
from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ChangeClasses, ImageSpec, ImageStatistics

DEFAULT_TILE_SIZE = 512
# How far scores may lie outside of 0 .. 1: what sums of bfloat16 numbers are rounded by.
ROUNDING = 0.02


class ChangePredictor(ABC):
    """A network with all that is needed to run it on images and to read its answer.

    Made from a network as trained, restructured for inference, or exported; what comes after
    (``predict_pair``, ``predict_scene``, ``tools/test.py``, the export's check, benchmarks) knows
    this interface only.

    Args:
        image: what one date's images are.
        classes: what the scores are of.
        threshold: a pixel is changed where the scores of all kinds of change exceed it.
        threshold_origin: where that threshold comes from.
        threshold_tuning: what it was tuned on, where it was (see
            :mod:`mmcd.engine.threshold_tuning`).
        tile_size: height and width of the tiles that large images are best cut into.
        precision: name of the number format that the network works in.
        cfg: the config that it was made with, for how files are read and cut into windows.
        statistics: of the images that it was trained on; None: not known.

    Raises:
        ConfigError: the threshold is no probability.
    """

    def __init__(
        self,
        *,
        image: ImageSpec,
        classes: ChangeClasses,
        threshold: float = DEFAULT_THRESHOLD,
        threshold_origin: str = 'default',
        threshold_tuning: Mapping[str, Any] | None = None,
        tile_size: int = DEFAULT_TILE_SIZE,
        precision: str = 'float32',
        cfg: Config | None = None,
        statistics: ImageStatistics | None = None,
    ) -> None:
        self.image = image
        self.classes = classes
        self.threshold = check_threshold(threshold)
        self.threshold_origin = threshold_origin
        self.threshold_tuning = threshold_tuning
        self.tile_size = tile_size
        self.precision = precision
        self.cfg = cfg
        self.statistics = statistics

    @property
    def size_divisor(self) -> int:
        """The network works on heights and widths that are multiples of this; others are padded."""
        return 1

    def predict(self, tiles: np.ndarray) -> np.ndarray:
        """Class scores of tiles.

        Args:
            tiles: both dates, ``before`` in the first C bands, in the order and type of ``image``;
                standardised, in float32, where ``image`` says so.

        Shape:
            (N, 2C, H, W), any H and W, to (N, K, H, W) float32; they sum to one over K.

        Raises:
            ImagePairError: the tiles have other bands or another type than ``image`` says.
            PredictionError: what comes is NaN, infinite, or no probability.
        """
        expected = 2 * self.image.num_bands
        standardised = self.image.standardize
        dtype = 'float32' if standardised else self.image.dtype
        if tiles.ndim != 4 or tiles.dtype != dtype or tiles.shape[1] != expected:
            raise ImagePairError(
                f'Expected tiles (N, {expected}, H, W) of {dtype}'
                f'{" (standardised values)" if standardised else ""}, both dates with '
                f'{self.image.describe()}, but got {tiles.shape} of {tiles.dtype}.'
            )
        # PyTorch has few operations for other integers, and no negative strides.
        is_8_bit = tiles.dtype == np.uint8
        values = np.ascontiguousarray(tiles) if is_8_bit else tiles.astype(np.float32, order='C')
        return self.predict_scores(torch.from_numpy(values)).cpu().numpy()

    def predict_scores(self, pairs: Tensor) -> Tensor:
        """The same for tensors (N, 2C, H, W) of uint8 or float32, on any device.

        Values are those of the files, standardised where ``image`` says so; what else scales and
        normalises them is part of the predictor.

        Raises:
            PredictionError: what comes is NaN, infinite, or no probability. Compared with a
                threshold, it would be a map in which nothing, or everything, has changed.
        """
        scores = self.predict_tensor(pairs)
        if scores.numel():
            # One pass, in which NaN wins; written so that NaN fails.
            low, high = map(float, scores.aminmax())
            if not (low >= -ROUNDING and high <= 1 + ROUNDING):
                raise self._no_scores(pairs, scores)
        return scores

    @abstractmethod
    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """What :meth:`predict_scores` checks: the scores of tensors (N, 2C, H, W)."""

    def find_fault(self) -> str:
        """Why the predictor may have given no scores, as a sentence; '' where it does not know."""
        return ''

    def _no_scores(self, pairs: Tensor, scores: Tensor) -> PredictionError:
        """The error for the first of a batch whose scores are none."""
        flat = scores.flatten(1)
        wrong = ~((flat >= -ROUNDING) & (flat <= 1 + ROUNDING))
        index = int(wrong.any(dim=1).nonzero()[0])
        first = float(flat[index][wrong[index]][0])
        if not torch.isfinite(pairs[index].float()).all():
            cause = 'The images hold NaN or infinite values: mark them as no data, or fill them.'
        elif fault := self.find_fault():
            cause = fault
        elif self.precision == 'float16':
            cause = 'Numbers above 65504 overflow in float16: use float32 or bfloat16.'
        else:
            cause = (
                "The network's weights may be damaged, or its training has diverged; a network of "
                'another program may give logits in place of probabilities.'
            )
        return PredictionError(
            f'the network gave {first:g} for {int(wrong[index].sum()):,} of '
            f'{wrong.shape[1]:,} scores, where probabilities from 0 to 1 were expected. {cause}',
            index,
        )

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """What tells this predictor from others, in plain values: weights, form and precision."""


class View(NamedTuple):
    """One way to look at a pair: quarter turns, a flip after them, and the dates' order."""

    turns: int = 0
    flipped: bool = False
    exchanged: bool = False


# Test-time augmentation by name. As published, flips are: as it is, mirrored left to right, and
# upside down; d4 has all eight symmetries of the square.
FLIPS = (View(), View(flipped=True), View(turns=2, flipped=True))
D4 = tuple(View(turns, flipped) for flipped in (False, True) for turns in range(4))
AUGMENTATIONS: dict[str, tuple[View, ...]] = {'flips': FLIPS, 'd4': D4, 'exchange': (View(),)}
EXCHANGE = 'exchange'
AUGMENTATION_NAMES = ('flips', 'd4', EXCHANGE, 'flips+exchange', 'd4+exchange')


def augmentation_views(name: str) -> tuple[View, ...]:
    """The views that a test-time augmentation averages over.

    Args:
        name: 'flips' (3 views), 'd4' (8), 'exchange' (2: both orders of the dates), or one of the
            first two with the dates exchanged too, 'flips+exchange' (6), 'd4+exchange' (16).

    Raises:
        ConfigError: there is no such augmentation.
    """
    if name not in AUGMENTATION_NAMES:
        raise ConfigError(
            f'Test-time augmentation is one of {", ".join(AUGMENTATION_NAMES)}; got {name!r}.'
        )
    views = AUGMENTATIONS[name.partition('+')[0]]
    if EXCHANGE not in name:
        return views
    return views + tuple(view._replace(exchanged=True) for view in views)


def exchange_dates(pairs: Tensor) -> Tensor:
    """Pairs (N, 2C, H, W) with the second date first."""
    before, after = pairs.chunk(2, dim=1)
    return torch.cat([after, before], dim=1)


class AveragingPredictor(ChangePredictor):
    """Averages the scores of a predictor over several views of each pair; as many times its work.

    Args:
        predictor: any other.
        augmentation: which views, see :func:`augmentation_views`.

    Raises:
        ConfigError: there is no such augmentation, or it exchanges the dates and the model tells
            several kinds of change apart, which depend on the order of the dates.
    """

    def __init__(self, predictor: ChangePredictor, augmentation: str = 'flips') -> None:
        self.views = augmentation_views(augmentation)
        if EXCHANGE in augmentation and not predictor.classes.is_binary:
            raise ConfigError(
                'The order of the dates decides between the kinds of change '
                f'{", ".join(predictor.classes.names)}: average over flips or d4 alone.'
            )
        super().__init__(
            image=predictor.image,
            classes=predictor.classes,
            threshold=predictor.threshold,
            threshold_origin=predictor.threshold_origin,
            threshold_tuning=predictor.threshold_tuning,
            tile_size=predictor.tile_size,
            precision=predictor.precision,
            cfg=predictor.cfg,
            statistics=predictor.statistics,
        )
        self.predictor = predictor
        self.augmentation = augmentation
        self.form = getattr(predictor, 'form', None)
        self.align_corners = getattr(predictor, 'align_corners', False)

    @property
    def size_divisor(self) -> int:
        """See :class:`ChangePredictor`."""
        return self.predictor.size_divisor

    def find_fault(self) -> str:
        """See :class:`ChangePredictor`."""
        return self.predictor.find_fault()

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`."""
        total = self._predict_view(pairs, self.views[0])
        for view in self.views[1:]:
            total = total + self._predict_view(pairs, view)
        return total / len(self.views)

    def _predict_view(self, pairs: Tensor, view: View) -> Tensor:
        """Scores of a view, turned back."""
        plane = (-2, -1)
        seen = exchange_dates(pairs) if view.exchanged else pairs
        seen = seen.rot90(view.turns, plane) if view.turns else seen
        scores = self.predictor.predict_tensor(seen.flip(-1) if view.flipped else seen)
        scores = scores.flip(-1) if view.flipped else scores
        return scores.rot90(-view.turns, plane) if view.turns else scores

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        return dict(self.predictor.describe(), tta=self.augmentation)


class FunctionPredictor(ChangePredictor):
    """A function in the place of a network, such as one of another library, or a simple baseline.

    Args:
        function: from tiles of both dates to the probability of change, as an array or a tensor.
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
        function: Callable[[np.ndarray], np.ndarray | Tensor],
        *,
        image: ImageSpec = RGB_8BIT,
        **kwargs: Any,
    ) -> None:
        super().__init__(image=image, classes=BINARY_CHANGE, **kwargs)
        self.function = function

    def predict_tensor(self, pairs: Tensor) -> Tensor:
        """See :class:`ChangePredictor`."""
        changed: Any = self.function(pairs.cpu().numpy())
        if isinstance(changed, Tensor):
            is_float = changed.is_floating_point()
        else:
            changed = np.asarray(changed)
            is_float = changed.dtype.kind == 'f'
        expected = (len(pairs), *pairs.shape[2:])
        if tuple(changed.shape) != expected or not is_float:
            raise PredictionError(
                f'The function gave {tuple(changed.shape)} of {changed.dtype} for {len(pairs)} '
                'pairs of tiles, where the probability of change of each pixel was expected: '
                f'(N, H, W), here {expected}, of float32.'
            )
        if not isinstance(changed, Tensor):
            changed = torch.from_numpy(np.ascontiguousarray(changed, np.float32))
        changed = changed.detach().cpu().float()
        return torch.stack([1 - changed, changed], dim=1)

    def describe(self) -> dict[str, Any]:
        """See :class:`ChangePredictor`."""
        return dict(type=getattr(self.function, '__qualname__', type(self.function).__name__))
