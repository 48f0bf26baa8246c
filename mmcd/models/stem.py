"""An RGB encoder's first convolution, made for images of other bands."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmcd.errors import ConfigError
from mmcd.structures.image_spec import RGB


def widen_stem(encoder: nn.Module, channels: int) -> None:
    """Make the first convolution of an encoder that is written for RGB take other channels.

    What else it has (filters, stride, padding) stays; its weights are random until they are read.

    Args:
        encoder: its first convolution takes 3 channels; it is changed in place.
        channels: that it takes from now on.

    Raises:
        ConfigError: its first convolution does not take 3 channels.
    """
    _, stem = _find_stem(encoder)
    if stem is None or stem.in_channels != len(RGB) or stem.groups != 1:
        raise ConfigError(
            f'The encoder {type(encoder).__name__} has no `in_channels`, and no first convolution '
            f'of 3 channels that could take {channels}. Choose another encoder.'
        )
    stem.in_channels = channels
    stem.weight = nn.Parameter(
        stem.weight.new_empty(stem.out_channels, channels, *stem.kernel_size)
    )
    stem.reset_parameters()


def inflate_stem(
    state_dict: dict[str, Tensor], encoder: nn.Module, bands: Sequence[str]
) -> dict[str, Tensor]:
    """Fit an RGB encoder's first convolution to other bands.

    A band named red, green or blue takes that colour's filters, any other the mean of the three;
    all are multiplied by three over the number of bands, so that the responses keep their scale.

    Args:
        state_dict: of the RGB encoder; it is not changed.
        encoder: the encoder that takes ``bands``.
        bands: names of its input bands.
    """
    bands = tuple(bands)
    name = f'{_find_stem(encoder)[0]}.weight'
    weight = state_dict.get(name)
    if bands == RGB or weight is None or weight.shape[1] != len(RGB):
        return state_dict
    filters = dict(zip(RGB, weight.unbind(1), strict=True))
    mean = weight.mean(1)
    inflated = torch.stack([filters.get(band, mean) for band in bands], dim=1)
    return {**state_dict, name: inflated * (len(RGB) / len(bands))}


def _find_stem(encoder: nn.Module) -> tuple[str, nn.Conv2d | None]:
    """The first convolution and its name; None where there is none."""
    modules = encoder.named_modules()
    return next(((name, one) for name, one in modules if isinstance(one, nn.Conv2d)), ('', None))
