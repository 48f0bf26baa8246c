"""Trees and shrubs: lumpy domes that thin out when their leaves are off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .geometry import OVERSAMPLING
from .surface import Surface


@dataclass(frozen=True)
class Tree:
    """A crown; `evergreen` ones keep their leaves, and `shade` 0 .. 3 tells neighbours apart."""

    x: float
    y: float
    radius: float
    height: float
    evergreen: bool
    shade: int


def stamp_tree(
    surface: Surface, tree: Tree, lumps: np.ndarray, cover: float, material: int
) -> None:
    """Draw one crown.

    Args:
        surface: What to draw on.
        tree: What to draw.
        lumps: Noise as large as the surface: where leaves gather.
        cover: Share of the crown that has leaves at this date.
        material: Colour of its leaves.
    """
    window = surface.window(tree.x, tree.y, tree.radius * 1.25)
    if window is None:
        return
    right, down = surface.local_axes(window, tree.x, tree.y)
    lump = lumps[window]
    ragged = (right * right + down * down) / tree.radius**2 * (1 + 0.22 * lump) + 0.08 * lump
    inside = ragged < 1
    if cover < 1:
        inside &= lump < 2.2 * cover - 0.6
    dome = np.sqrt(np.clip(1 - ragged, 0, 1))
    relief = min(1.0, tree.radius / 6)
    height = tree.height * (0.45 + 0.55 * dome) - relief * lump
    if height.shape[0] < 2 or height.shape[1] < 2:
        return
    slope_y, slope_x = np.gradient(height * OVERSAMPLING * 0.6)
    slopes = np.clip(slope_x, -1.4, 1.4), np.clip(slope_y, -1.4, 1.4)
    tint = np.clip(1 - 0.22 * lump, 0.5, 1.6)
    surface.put(window, inside, height, material, slopes, tint)
