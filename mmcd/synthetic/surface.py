"""The drawn scene at one date: height, slope and material of every raster pixel."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mmcd.synthetic.geometry import OVERSAMPLING, Box, Raster

RGB = tuple[float, float, float]


@dataclass
class Palette:
    """The materials of a scene at one date: two colours that patchy noise mixes, and a grain.

    Colours are sRGB values 0 .. 255 as a photograph shows them.
    """

    indices: dict[tuple[RGB, RGB, float], int] = field(default_factory=dict)

    def add(self, colour: RGB, patch: RGB | None = None, grain: float = 0.05) -> int:
        """Register a material and give its index; equal materials share one."""
        return self.indices.setdefault((colour, patch or colour, grain), len(self.indices))

    def reflectance(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Linear colours, their differences to the patch colours, (M, 3), and grains, (M,)."""
        first, second, grains = zip(*self.indices, strict=True)
        linear = (np.array([first, second], dtype=np.float32) / 255) ** 2.2
        return linear[0], linear[1] - linear[0], np.array(grains, dtype=np.float32)


class Surface:
    """Height, slopes, material and tint maps that things are stamped on, highest on top.

    Args:
        raster: The raster to draw on.
    """

    def __init__(self, raster: Raster) -> None:
        self.raster = raster
        self.height = np.zeros(raster.shape, np.float32)
        self.slope_x = np.zeros(raster.shape, np.float32)
        self.slope_y = np.zeros(raster.shape, np.float32)
        self.tint = np.ones(raster.shape, np.float32)
        self.material = np.zeros(raster.shape, np.uint16)
        self.footprint = np.zeros(raster.shape, np.uint8)

    def window(self, x: float, y: float, reach: float) -> tuple[slice, slice] | None:
        """Rows and columns within `reach` scene pixels of a position; None when outside."""
        column, row = self.raster.pixels((x, y))
        reach *= OVERSAMPLING
        height, width = self.raster.shape
        top, bottom = max(0, int(row - reach)), min(height, int(row + reach) + 2)
        left, right = max(0, int(column - reach)), min(width, int(column + reach) + 2)
        if top >= bottom or left >= right:
            return None
        return slice(top, bottom), slice(left, right)

    def local_axes(
        self, window: tuple[slice, slice], x: float, y: float, heading: float = 0.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Distances along and across a heading from a position, for each pixel of a window."""
        rows, columns = window
        origin = self.raster.pixels((x, y))
        down = ((np.arange(rows.start, rows.stop) + 0.5 - origin[1]) / OVERSAMPLING)[:, None]
        right = ((np.arange(columns.start, columns.stop) + 0.5 - origin[0]) / OVERSAMPLING)[None]
        cos, sin = np.float32(np.cos(heading)), np.float32(np.sin(heading))
        down, right = down.astype(np.float32), right.astype(np.float32)
        return cos * right + sin * down, cos * down - sin * right

    def put(
        self,
        window: tuple[slice, slice],
        where: np.ndarray,
        height: np.ndarray | float,
        material: int,
        slopes: tuple[np.ndarray, np.ndarray] | None = None,
        tint: np.ndarray | float = 1.0,
    ) -> None:
        """Lay a piece of surface over a window where it is higher than what is there."""
        where = where & (height > self.height[window])
        np.copyto(self.height[window], height, where=where)
        np.copyto(self.slope_x[window], 0.0 if slopes is None else slopes[0], where=where)
        np.copyto(self.slope_y[window], 0.0 if slopes is None else slopes[1], where=where)
        np.copyto(self.tint[window], tint, where=where)
        np.copyto(self.material[window], np.uint16(material), where=where)

    def put_box(self, box: Box, height: float, material: int) -> None:
        """Lay a flat box: a car, a machine on a roof, a shed."""
        window = self.window(box.x, box.y, float(np.hypot(box.half_length, box.half_width)))
        if window is None:
            return
        along, across = self.local_axes(window, box.x, box.y, box.heading)
        inside = (np.abs(along) <= box.half_length) & (np.abs(across) <= box.half_width)
        self.put(window, inside, height, material)
