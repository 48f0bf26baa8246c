"""From two files to a pair on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmcd.scene.bands import choose_bands
from mmcd.scene.grid import Grid, find_overlap
from mmcd.scene.raster_reader import RasterReader, grid_of, open_raster
from mmcd.scene.sampling import DateSample, take_sample
from mmcd.scene.settings import SceneSettings
from mmcd.structures import RGB_8BIT, ImageSpec


@dataclass(frozen=True)
class OpenPair:
    """Two rasters that can be read on the grid of the map.

    Args:
        grid: of the map.
        before: the first date.
        after: the second date.
        samples: a look at both.
    """

    grid: Grid
    before: RasterReader
    after: RasterReader
    samples: tuple[DateSample, DateSample]


@contextmanager
def open_pair(
    before: str, after: str, settings: SceneSettings, image: ImageSpec = RGB_8BIT
) -> Iterator[OpenPair]:
    """Open two rasters as a pair.

    Args:
        before: the first date, anything that GDAL opens.
        after: the second date.
        settings: of the scene.
        image: what the model takes.

    Raises:
        SceneError: they can't be opened, don't form a pair, or don't fit the model.
        SceneStoppedError: they can't be read at all.
    """
    with open_raster(before, 'before') as first, open_raster(after, 'after') as second:
        overlap = find_overlap(grid_of(first), grid_of(second))
        common: dict[str, Any] = dict(
            grid=overlap.grid,
            no_data=settings.no_data,
            resampling=settings.resampling,
        )
        size = overlap.grid.height, overlap.grid.width
        bands = [
            choose_bands(file, date, settings, image)
            for file, date in ((first, 'before'), (second, 'after'))
        ]
        shifts = (overlap.row, overlap.column), overlap.shift
        with (
            RasterReader(first, 'before', shift=shifts[0], bands=bands[0], **common) as one,
            RasterReader(second, 'after', shift=shifts[1], bands=bands[1], **common) as other,
        ):
            samples = take_sample(one, *size), take_sample(other, *size)
            yield OpenPair(overlap.grid, one, other, samples)
