"""What treats each date of a stacked pair by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform, Compose

from mmcd.io.images import from_bgr, to_bgr
from mmcd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ForEachDate(BaseTransform):
    """Apply transforms to each date of the stacked pair, with its own random draws.

    For colour and blur, which may differ between the dates; what moves pixels would pull them
    apart. After a crop it costs a fraction of what it costs on whole tiles.

    Args:
        transforms: transforms of one image, such as ``mmpretrain.ColorJitter``. They see ``img``
            and nothing else of the sample; three bands in BGR order, as MMCV's colour transforms
            expect.

    Shape:
        ``img``: (H, W, 2C) to the same; the transforms see (H, W, C).
    """

    def __init__(self, *, transforms: Sequence[dict]) -> None:
        self.transforms = Compose(list(transforms))

    def transform(self, results: dict) -> dict:
        dates = np.split(results['img'], 2, axis=2)
        results['img'] = np.concatenate([self._transform_date(date) for date in dates], axis=2)
        return results

    def _transform_date(self, date: np.ndarray) -> np.ndarray:
        return from_bgr(self.transforms(dict(img=to_bgr(date)))['img'])
