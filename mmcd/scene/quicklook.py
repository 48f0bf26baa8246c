"""A picture of a scene and its map, for a first look and for a report."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import rasterio
from rasterio.enums import Resampling

from mmcd.scene.grid import Grid, pixel_sides
from mmcd.scene.partial_run import NO_DATA
from mmcd.scene.raster_reader import RasterReader
from mmcd.structures import ChangeClasses, ImageSpec
from mmcd.structures.change_classes import UNCHANGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Pixels of the longer side of each panel.
LARGEST = 900
GROUND_GREY = 0.55  # of the after image, under the changes
NO_DATA_GREY = 200


def draw_quicklook(
    before: RasterReader,
    after: RasterReader,
    mask: Path,
    grid: Grid,
    image: ImageSpec,
    classes: ChangeClasses,
) -> bytes:
    """Both dates and the map, side by side, with a legend and a scale bar, as PNG.

    Args:
        before: the first date.
        after: the second date.
        mask: the map's file.
        grid: of the map.
        image: says which bands are shown.
        classes: of the map.
    """
    shrink = max(1.0, max(grid.height, grid.width) / LARGEST)
    height, width = (max(1, round(size / shrink)) for size in (grid.height, grid.width))
    with rasterio.open(mask) as file:
        values = file.read(1, out_shape=(height, width), resampling=Resampling.mode)
    # Side by side, as they are read for the network: each is a pass over its whole file.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix='read-after') as pool:
        later = pool.submit(_shown, after, grid, height, width, image)
        dates = [_shown(before, grid, height, width, image), later.result()]
    return _figure([*dates, _overlay(dates[1], values, classes)], grid, values, classes)


def _shown(
    reader: RasterReader, grid: Grid, height: int, width: int, image: ImageSpec
) -> np.ndarray:
    """A date as (height, width, 3) uint8, stretched for a person where it is not 8 bit."""
    pixels, valid = reader.read_overview(grid, height, width)
    shown = image.to_display(pixels.transpose(1, 2, 0), valid)
    shown[~valid] = NO_DATA_GREY
    return shown


def _overlay(after: np.ndarray, values: np.ndarray, classes: ChangeClasses) -> np.ndarray:
    grey = after.mean(axis=2, keepdims=True) * GROUND_GREY + 255 * (1 - GROUND_GREY)
    drawn = np.repeat(grey, 3, axis=2)
    for index in range(UNCHANGED + 1, len(classes)):
        drawn[values == index] = classes.palette[index]
    drawn[values == NO_DATA] = NO_DATA_GREY
    return drawn.astype(np.uint8)


def _figure(
    panels: list[np.ndarray], grid: Grid, values: np.ndarray, classes: ChangeClasses
) -> bytes:
    # Its import takes a second, and a figure of its own leaves pyplot's state alone.
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    height, width = values.shape
    side = 4.6
    figure = Figure(figsize=(3 * side, side * height / width + 0.75), layout='constrained', dpi=150)
    axes = figure.subplots(1, 3)
    for axis, picture, title in zip(axes, panels, ('before', 'after', 'change'), strict=True):
        axis.imshow(picture, interpolation='nearest')
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    _scale_bar(axes[2], grid, width)
    handles = [
        Patch(facecolor=_colour(classes.palette[i]), label=classes.names[i])
        for i in range(UNCHANGED + 1, len(classes))
    ]
    handles.append(Patch(facecolor='white', edgecolor='grey', label=classes.names[UNCHANGED]))
    if (values == NO_DATA).any():
        handles.append(Patch(facecolor=_colour((NO_DATA_GREY,) * 3), label='no data'))
    figure.legend(handles=handles, loc='outside lower center', ncols=len(handles), frameon=False)
    return _png(figure)


def _scale_bar(axis: object, grid: Grid, width: int) -> None:
    """A bar of a round length, about a fifth of the picture."""
    sides = pixel_sides(grid)
    if sides is None:
        return
    whole = sides[1] * grid.width
    length = _round_length(whole / 5)
    said = f'{length / 1000:g} km' if length >= 1000 else f'{length:g} m'
    pixels = length / whole * width
    left, bottom = 0.03 * width, axis.get_ylim()[0] * 0.96  # type: ignore[attr-defined]
    axis.plot([left, left + pixels], [bottom] * 2, color='black', linewidth=3)  # type: ignore[attr-defined]
    axis.text(left, bottom * 0.985, said, fontsize=8, va='bottom')  # type: ignore[attr-defined]


def _round_length(most: float) -> float:
    """The largest of 1, 2, 5, 10, 20, ... that is no longer than this."""
    step = 10.0 ** np.floor(np.log10(most))
    # The logarithm rounds: the step itself can be longer by the last digit.
    return float(step * max((n for n in (1, 2, 5) if n * step <= most), default=1))


def _colour(colour: tuple[int, ...]) -> tuple[float, float, float]:
    red, green, blue = (part / 255 for part in colour[:3])
    return red, green, blue


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    # Without the time and the version of the program: the same map gives the same bytes.
    figure.savefig(file, format='png', metadata={'Software': None})
    return file.getvalue()
