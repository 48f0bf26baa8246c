"""What a model of any kind says of itself: images, classes, threshold, sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from mmcd.errors import ConfigError
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
    """The threshold of a model: of its config, else what its checkpoint brings, else its head's.

    0.5 without any.

    Raises:
        ConfigError: it is no probability.
    """
    return check_threshold(_find_threshold(model)[0])


def check_threshold(threshold: float, name: str = 'threshold') -> float:
    """The threshold as it is.

    Args:
        threshold: of the scores, above which a pixel is changed.
        name: what it is called in an error.

    Raises:
        ConfigError: it is no probability.
    """
    if not 0 <= threshold <= 1:  # NaN is not, either
        raise ConfigError(
            f'{name}={threshold}: expected a probability from 0 to 1, above which a pixel is '
            'changed.'
        )
    return threshold


def threshold_origin_of(model: nn.Module) -> str:
    """Where :func:`threshold_of` has it from.

    Returns:
        'model' or 'head', which are settings of the config, 'tuned', 'checkpoint' (of the config
        that the checkpoint brings along) or 'default'.
    """
    return _find_threshold(model)[1]


def threshold_tuning_of(model: nn.Module) -> Mapping[str, Any] | None:
    """What a model's threshold was tuned on; None where another one holds."""
    return (
        getattr(model, 'tuned_threshold', None) if threshold_origin_of(model) == 'tuned' else None
    )


def _find_threshold(model: nn.Module) -> tuple[float, str]:
    stated = getattr(model, 'threshold', None)
    if stated is not None:
        return stated, 'model'
    # What a checkpoint brings: it is of these weights, and comes before the head's of the config.
    tuned = getattr(model, 'tuned_threshold', None)
    if tuned is not None:
        return float(tuned['value']), 'tuned'
    brought = getattr(model, 'checkpoint_threshold', None)
    if brought is not None:
        return brought, 'checkpoint'
    head = getattr(_last_head(model), 'threshold', None) if hasattr(model, 'decode_head') else None
    if head is not None and head != DEFAULT_THRESHOLD:
        return head, 'head'
    return DEFAULT_THRESHOLD, 'default'


def size_divisor_of(model: nn.Module) -> int:
    """What the height and the width of a model's input are padded to multiples of."""
    return getattr(_last_head(model), 'size_divisor', 1)


def _last_head(model: nn.Module) -> Any:
    head = model.decode_head
    return head[-1] if isinstance(head, nn.ModuleList) else head  # a cascade's last
