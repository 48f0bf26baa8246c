"""What a model of any kind says of itself: images, classes, threshold, sizes."""

from __future__ import annotations

from typing import Any

from torch import nn

from mmcd.structures import RGB_8BIT, ChangeClasses, ImageSpec

DEFAULT_THRESHOLD = 0.5


def image_of(model: nn.Module) -> ImageSpec:
    """The image description of a model's config; 8-bit RGB where it states none."""
    image = getattr(model, 'image', None) or getattr(model.data_preprocessor, 'image', None)
    return image or RGB_8BIT


def classes_of(model: nn.Module) -> ChangeClasses:
    """The classes of the data set that a model was trained on; else binary change."""
    return getattr(model, 'classes', None) or ChangeClasses.from_meta(
        getattr(model, 'dataset_meta', None)
    )


def threshold_of(model: nn.Module) -> float:
    """The threshold of a model's config, or of its head; 0.5 where neither states one."""
    threshold = getattr(model, 'threshold', None)
    if threshold is None and hasattr(model, 'decode_head'):
        threshold = getattr(_last_head(model), 'threshold', None)
    return DEFAULT_THRESHOLD if threshold is None else threshold


def threshold_origin_of(model: nn.Module) -> str:
    """Where :func:`threshold_of` has it from: 'model', 'head' (both of the config) or 'default'."""
    if getattr(model, 'threshold', None) is not None:
        return 'model'
    return 'default' if threshold_of(model) == DEFAULT_THRESHOLD else 'head'


def size_divisor_of(model: nn.Module) -> int:
    """What the height and the width of a model's input are padded to multiples of."""
    return getattr(_last_head(model), 'size_divisor', 1)


def _last_head(model: nn.Module) -> Any:
    head = model.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head  # a cascade's last
