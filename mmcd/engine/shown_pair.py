"""A predicted sample as people are shown it: its dates and its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmseg.structures import SegDataSample
from torch import Tensor

from mmcd.datasets.transforms.loading import read_date
from mmcd.structures import ChangeClasses, ImageSpec
from mmcd.visualization.contact_sheet import display_date


def parts_of(dataset: Any) -> list[Any]:
    """The data sets within MMEngine's wrappers, such as ConcatDataset; of another, itself."""
    inner = getattr(dataset, 'datasets', None) or getattr(dataset, 'dataset', None)
    if inner is None:
        return [dataset]
    several = inner if isinstance(inner, (list, tuple)) else [inner]
    return [part for each in several for part in parts_of(each)]


def images_and_classes(dataset: Any) -> tuple[ImageSpec, ChangeClasses]:
    """The image description and the classes of a data set; of one that states none, the usual."""
    meta = getattr(dataset, 'metainfo', {})
    return ImageSpec.from_config(meta.get('image')), ChangeClasses.from_meta(meta)


def shown_pair(
    sample: SegDataSample, data_batch: Mapping[str, Any] | None, index: int, image: ImageSpec
) -> tuple[np.ndarray, np.ndarray]:
    """Both dates, (H, W, 3) uint8 RGB, of the size of the sample's label.

    What the network was given, which may be a window of a scene; where that was resized or
    standardised, the files, of which the window is shown.

    Args:
        sample: predicted.
        data_batch: the batch that it was predicted from.
        index: of the sample in it.
        image: the image description.
    """
    inputs = (data_batch or {}).get('inputs', ())
    pair = inputs[index] if index < len(inputs) else None
    if (
        isinstance(pair, Tensor)
        and pair.shape[1:] == sample.gt_sem_seg.data.shape[1:]
        and not image.standardize
    ):
        before, after = np.split(pair.cpu().numpy(), 2)  # (C, H, W) each
        return display_date(before, image), display_date(after, image)
    files = [read_date(path, image) for path in (sample.before_path, sample.after_path)]
    window = sample.get('window')
    if window is not None:
        files = [window.of(pixels) for pixels in files]
    return image.to_display(files[0]), image.to_display(files[1])


def name_of_pair(sample: SegDataSample, default: str) -> str:
    """The pair's name in its data set; of data sets that give none, ``default``."""
    return sample.get('pair_name') or default
