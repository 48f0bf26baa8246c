"""Where the tiles of an image lie."""

from __future__ import annotations

from dataclasses import dataclass

from mmcd.errors import ConfigError
from mmcd.io.images import Window

EDGES = ('shift', 'pad', 'drop')


@dataclass(frozen=True)
class TileGrid:
    """How images are cut into square tiles.

    Args:
        size: height and width of a tile.
        stride: from one tile to the next; smaller than ``size``, they overlap.
        edge: what becomes of a rest that is smaller than a tile. 'shift' moves the last tile back
            into the image, so that it overlaps its neighbour; 'pad' fills it up with zeros, which
            its label marks as ignored; 'drop' leaves the rest out. An image smaller than a tile is
            padded under 'shift' too.

    Raises:
        ConfigError: a size below 1, or an unknown edge.
    """

    size: int
    stride: int
    edge: str = 'shift'

    def __post_init__(self) -> None:
        if self.size < 1 or self.stride < 1:
            raise ConfigError(
                f'Tiles need a size and a stride of 1 pixel or more; got {self.size} and '
                f'{self.stride}.'
            )
        if self.edge not in EDGES:
            raise ConfigError(f'The edge is one of {", ".join(EDGES)}; got {self.edge!r}.')

    def starts(self, length: int) -> list[int]:
        """First pixels of the tiles along one axis.

        Args:
            length: of the image along it.
        """
        if length < self.size:
            return [] if self.edge == 'drop' else [0]
        starts = list(range(0, length - self.size + 1, self.stride))
        if self.edge != 'drop' and starts[-1] + self.size < length:
            following = starts[-1] + self.stride
            starts.append(length - self.size if self.edge == 'shift' else following)
        return [start for start in starts if start < length]

    def windows(self, height: int, width: int) -> list[Window]:
        """The tiles of an image, row by row; padded ones reach beyond it."""
        return [
            Window(top, left, self.size, self.size)
            for top in self.starts(height)
            for left in self.starts(width)
        ]


def tile_name(scene: str, window: Window, height: int, width: int) -> str:
    """Name that says where a tile comes from: ``scene_row_column`` of its first pixel.

    Args:
        scene: name of the image.
        window: the tile.
        height: of the image: its larger side decides how many digits all its tiles have.
        width: of the image.
    """
    digits = max(4, len(str(max(height, width))))
    return f'{scene}_{window.top:0{digits}d}_{window.left:0{digits}d}'


def covered(windows: list[Window], height: int, width: int) -> int:
    """How many of an image's pixels lie in tiles.

    Args:
        windows: a grid of tiles: every row of tiles has the same columns.
        height: of the image.
        width: of the image.
    """
    rows = _covered_along({(w.top, w.height) for w in windows}, height)
    return rows * _covered_along({(w.left, w.width) for w in windows}, width)


def _covered_along(spans: set[tuple[int, int]], length: int) -> int:
    return len(set().union(*(range(start, min(start + size, length)) for start, size in spans)))
