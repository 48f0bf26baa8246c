"""Pairs that the loader's workers draw while a network trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import BaseDataset

from mmcd.errors import ConfigError
from mmcd.registry import DATASETS
from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ImageSpec
from mmcd.synthetic.folder import SPLITS, pair_seed
from mmcd.synthetic.scene_pair import check_size
from mmcd.synthetic.styles import find_style

# Kinds of labels.
CHANGE, BUILDINGS = 'change', 'buildings'


@DATASETS.register_module()
class SyntheticPairDataset(BaseDataset):
    """Made-up aerial scenes at two dates, drawn one by one when they are asked for.

    No file is read or written. A pair depends on the seed, the split and its index alone, so that
    every epoch and every worker sees the same one, and pair 7 is that of
    ``tools/dataset_converters/make_sample_pairs.py`` with the same style, size and seed. Drawing
    takes some tenths of a second a pair: where a pair is to be seen often, write a folder with that
    tool instead, and read it with :class:`mmcd.datasets.BitemporalDataset`.

    A sample holds ``before``, ``after``, ``gt_seg_map`` and ``metres_per_pixel``. The pipeline
    begins with ``StackPair``: ``LoadImagePair`` may come before it and changes nothing,
    ``LoadChangeLabel`` may not.

    Args:
        length: pairs of an epoch.
        style: what the scenes are like, one of :data:`mmcd.synthetic.STYLES`: 'estates', with
            ground resolutions of 0.3 to 1 m, or 'sample', of 0.5 m.
        size: height and width of a pair in pixels.
        seed: decides all pairs.
        split: 'train', 'val' or 'test': each has pairs of its own.
        labels: 'change': 1 where a building stands at one of the dates only; 'buildings', for
            :class:`mmcd.models.BuildingChangeHead`: 0 where none stands, 1 where one stands before
            only, 2 after only, 3 at both dates.
        keep: keep each pair that was drawn, about 0.5 MB of 256x256 pixels, in the memory of the
            process that drew it: each of the loader's workers draws and keeps its own.
        image: the image description that goes with the pairs, of 8-bit RGB; None: that and no more.
        metainfo: replaces parts of ``METAINFO``.
        pipeline: the transforms.
        **kwargs: ``indices``, ``lazy_init``, ``test_mode`` ...: see
            :class:`mmengine.dataset.BaseDataset`.

    Shape:
        ``before``, ``after``: (size, size, 3) uint8, RGB; ``gt_seg_map``: (size, size) uint8.

    Raises:
        ConfigError: there is no such style, split or kind of labels, or the length, size or seed is
            out of range.
    """

    METAINFO = BINARY_CHANGE.to_meta()

    def __init__(
        self,
        *,
        length: int,
        style: str = 'estates',
        size: int = 256,
        seed: int = 0,
        split: str = 'train',
        labels: str = CHANGE,
        keep: bool = False,
        image: Mapping[str, Any] | ImageSpec | None = None,
        metainfo: Mapping[str, Any] | None = None,
        pipeline: Sequence[dict] = (),
        **kwargs: Any,
    ) -> None:
        check_size(size)
        if split not in SPLITS:
            raise ConfigError(
                f'SyntheticPairDataset: expected a split out of {SPLITS}, but got {split!r}'
            )
        if length < 1 or seed < 0:
            raise ConfigError(
                'SyntheticPairDataset: expected a `length` of 1 or more and a `seed` of 0 or more, '
                f'but got length={length}, seed={seed}'
            )
        if labels not in (CHANGE, BUILDINGS):
            raise ConfigError(
                f"SyntheticPairDataset: `labels` is '{CHANGE}' or '{BUILDINGS}', not {labels!r}"
            )
        self.image = ImageSpec.from_config(image)
        if (self.image.bands, self.image.dtype) != (RGB_8BIT.bands, RGB_8BIT.dtype):
            raise ConfigError(
                'SyntheticPairDataset draws 8-bit RGB pairs, but `image` describes '
                f'{self.image.dtype} bands {self.image.bands}'
            )
        self.draw = find_style(style)
        self.labels, self.keep = labels, keep
        self.kept: dict[int, dict[str, Any]] = {}
        self.length, self.size, self.seed, self.split = length, size, seed, split
        super().__init__(
            metainfo={**(metainfo or {}), 'image': self.image.to_dict()},
            data_prefix={},
            pipeline=list(pipeline),
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """One dict a pair: its number, and a name for messages and pictures."""
        return [
            dict(number=number, img_path=f'{self.split}_{number:04d}.png')
            for number in range(self.length)
        ]

    def get_data_info(self, idx: int) -> dict:
        """A pair: drawn, or as it was kept."""
        info = super().get_data_info(idx)
        number = info['number']
        drawn = self.kept.get(number) or self._draw(number)
        if self.keep:
            self.kept[number] = drawn
        # Copies: transforms may write into what they are given.
        arrays = {key: drawn[key].copy() for key in ('before', 'after', 'gt_seg_map')}
        name = info['img_path']
        paths = dict(before_path=name, after_path=name, seg_map_path=name)
        return {**info, **paths, **drawn, **arrays, 'seg_fields': ['gt_seg_map']}

    def _draw(self, number: int) -> dict[str, Any]:
        pair = self.draw(pair_seed(self.seed, self.split, number), self.size)
        label = (pair.label > 0).astype(np.uint8)
        if self.labels == BUILDINGS:
            label = pair.buildings[..., 0] + 2 * pair.buildings[..., 1]
        return dict(
            before=pair.before,
            after=pair.after,
            gt_seg_map=label,
            metres_per_pixel=pair.metres_per_pixel,
            image_spec=self.image,
        )
