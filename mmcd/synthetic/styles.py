"""The styles of scenes by name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mmcd.errors import ConfigError
from mmcd.synthetic.estate_pair import make_estate_pair
from mmcd.synthetic.scene_pair import ScenePair, make_pair

# 'sample': suburbs of one region, easy to learn, of the demo. 'estates': to train weights with.
STYLES: dict[str, Callable[[np.random.SeedSequence, int], ScenePair]] = {
    'sample': make_pair,
    'estates': make_estate_pair,
}


def find_style(name: str) -> Callable[[np.random.SeedSequence, int], ScenePair]:
    """What makes the pairs of a style.

    Raises:
        ConfigError: there is no such.
    """
    if name not in STYLES:
        raise ConfigError(f'expected a style out of {", ".join(STYLES)}, but got {name!r}')
    return STYLES[name]
