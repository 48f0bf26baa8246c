"""Cutting the scenes of a data set while it is read: where the windows lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mmcd.errors import ConfigError
from mmcd.io.images import Window

EDGES = ('shift', 'drop')


@dataclass(frozen=True)
class SceneWindows:
    """How the scenes of a split are cut; large ones are then never stacked or moved whole.

    Args:
        size: height and width of a window.
        stride: from one window to the next. A scene smaller than a window is one window.
        edge: what becomes of a rest that is smaller than a stride: 'shift' moves a last window back
            into the scene, so that every pixel lies in a window; 'drop' leaves the rest out.
        random: draw the place of a window within its scene anew each time that it is read. A pass
            then has as many windows of a scene as without, so that large scenes are seen more
            often than small ones.

    Raises:
        ConfigError: a size or a stride below 1, or an unknown key or edge.
    """

    size: int
    stride: int
    edge: str = 'shift'
    random: bool = False

    def __post_init__(self) -> None:
        if self.size < 1 or self.stride < 1 or self.edge not in EDGES:
            raise ConfigError(
                f'`windows` need a size and a stride of 1 pixel or more, and an edge, one of '
                f'{", ".join(EDGES)}; got {self.size}, {self.stride} and {self.edge!r}.'
            )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SceneWindows:
        """Build from a config's dict, such as ``dict(size=96, stride=47)``."""
        try:
            return cls(**config)
        except TypeError as error:
            raise ConfigError(
                '`windows` are settings such as dict(size=96, stride=47), and besides edge and '
                f'random; got {dict(config)}.'
            ) from error

    def cut(self, area: Window) -> list[Window]:
        """The windows of an area of an image, row by row."""
        rows, columns = self._starts(area.height), self._starts(area.width)
        return [
            Window(
                area.top + top,
                area.left + left,
                min(self.size, area.height),
                min(self.size, area.width),
            )
            for top in rows
            for left in columns
        ]

    def draw(self, area: Window) -> Window:
        """A window at a random place of an area, by NumPy's global generator, as transforms do."""
        height, width = min(self.size, area.height), min(self.size, area.width)
        top = area.top + np.random.randint(0, area.height - height + 1)
        left = area.left + np.random.randint(0, area.width - width + 1)
        return Window(top, left, height, width)

    def _starts(self, length: int) -> list[int]:
        last = max(length - self.size, 0)
        starts = list(range(0, last + 1, self.stride))
        return starts if self.edge == 'drop' or starts[-1] == last else [*starts, last]
