"""From two dates to one stacked image, and what treats the stacked pair as a pair."""

from __future__ import annotations

import cv2
import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from numpy.lib.stride_tricks import as_strided

from mmcd.errors import ConfigError
from mmcd.registry import TRANSFORMS

MERGED_TYPES = (np.uint8, np.int8, np.uint16, np.int16, np.int32, np.float32, np.float64)
MOST_BANDS = 32  # far below what any OpenCV takes, and enough for two dates of Sentinel-2


def stack_dates(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Both dates as one image.

    NumPy interleaves band by band; OpenCV takes a sixth of the time on a 1024x1024 pair. The views
    that :func:`date_views` gives are not copied: their pair is returned.

    Shape:
        (H, W, C) each to (H, W, 2C), ``before`` first.
    """
    pair = _pair_of_views(before, after)
    if pair is not None:
        return pair
    if (
        before.dtype in MERGED_TYPES
        and before.dtype == after.dtype
        and before.shape[2] <= MOST_BANDS
    ):
        return cv2.merge([np.ascontiguousarray(before), np.ascontiguousarray(after)])
    return np.concatenate([before, after], axis=2)


def date_views(pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``before`` and ``after`` of a stacked pair, without a copy.

    Shape:
        (H, W, 2C) to (H, W, C) each.
    """
    bands = pair.shape[2] // 2
    return pair[..., :bands], pair[..., bands:]


def _pair_of_views(before: np.ndarray, after: np.ndarray) -> np.ndarray | None:
    """The stacked pair of which the two are the views, or None where they are not."""
    height, width, bands = before.shape
    pixel = bands * before.itemsize
    alike = (before.shape, before.strides, before.dtype) == (
        after.shape,
        after.strides,
        after.dtype,
    )
    interleaved = before.strides[1:] == (2 * pixel, before.itemsize)
    if not (alike and interleaved and before.base is not None and before.base is after.base):
        return None
    if after.ctypes.data - before.ctypes.data != pixel:
        return None
    return as_strided(before, (height, width, 2 * bands), before.strides)


@TRANSFORMS.register_module()
class StackPair(BaseTransform):
    """Stack ``before`` and ``after`` to ``img``, so that one geometry serves both.

    From here on, MMSegmentation's crops, flips, rotations and resizes treat the pair as one image
    of 2C channels and keep the dates aligned. What is per date (colour, blur) comes before.

    Shape:
        ``before``, ``after``: (H, W, C) each; ``img``: (H, W, 2C), ``before`` first.
    """

    def transform(self, results: dict) -> dict:
        stacked = stack_dates(results.pop('before'), results.pop('after'))
        results['img'] = stacked
        results['img_shape'] = results['ori_shape'] = stacked.shape[:2]
        return results


@TRANSFORMS.register_module()
class ExchangeDates(BaseTransform):
    """Swap before and after in the stacked pair; the change label stays as it is.

    Sets ``dates_exchanged``.

    Args:
        prob: the probability of a swap.
        swap_labels: of labels that tell appearing from vanishing, the two values that take each
            other's place.

    Shape:
        ``img``: (H, W, 2C).

    Raises:
        ConfigError: ``prob`` is no probability.
    """

    def __init__(self, *, prob: float = 0.5, swap_labels: tuple[int, int] | None = None) -> None:
        if not 0 <= prob <= 1:
            raise ConfigError(f'ExchangeDates: `prob` must lie in 0..1, got {prob}.')
        self.prob = prob
        self.swap_labels = swap_labels

    @cache_randomness
    def _draw(self) -> bool:
        return np.random.rand() < self.prob

    def transform(self, results: dict) -> dict:
        results['dates_exchanged'] = self._draw()
        if results['dates_exchanged']:
            before, after = date_views(results['img'])
            results['img'] = stack_dates(after, before)
            if self.swap_labels is not None:
                first, second = self.swap_labels
                label = results['gt_seg_map']
                swapped = np.where(label == first, second, np.where(label == second, first, label))
                results['gt_seg_map'] = swapped.astype(label.dtype)
        return results
