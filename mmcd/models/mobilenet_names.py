"""MobileNetV2's weights under the names of torchvision and of its kin, for MMPretrain's encoder."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

FEATURES = 'features.'


def mobilenet_v2_weights(state_dict: Mapping[str, Tensor], module: nn.Module) -> dict[str, Tensor]:
    """Give the weights of torchvision's MobileNetV2 the names of MMPretrain's.

    Torchvision's network and the many that are written like it (``features.3.conv.1.0.weight``,
    ``features.3.conv.3.weight``) number their layers differently, but have the same ones, in the
    same order. So layer by layer, in the order of their numbers, they become the encoder's.

    Args:
        state_dict: under their names; what is not under ``features.`` (a classifier) keeps its own.
        module: the encoder, :class:`mmpretrain.models.MobileNetV2`.

    Returns:
        The renamed weights; as they came where their layers are not as many as the encoder's, so
        that :class:`mmcd.models.PretrainedWeights` tells what does not fit.
    """
    theirs = sorted(
        {name.rpartition('.')[0] for name in state_dict if name.startswith(FEATURES)},
        key=lambda layer: [int(number) for number in re.findall(r'\d+', layer)],
    )
    ours = list(dict.fromkeys(name.rpartition('.')[0] for name in module.state_dict()))
    if len(theirs) != len(ours):
        return dict(state_dict)
    layers = dict(zip(theirs, ours, strict=True))
    renamed = {}
    for name, value in state_dict.items():
        layer, _, leaf = name.rpartition('.')
        renamed[f'{layers[layer]}.{leaf}' if layer in layers else name] = value
    return renamed
