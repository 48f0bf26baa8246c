"""From two files to a pair on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from mmcd.scene.grid import Grid, find_overlap
from mmcd.scene.raster_reader import RasterReader, grid_of, open_raster
from mmcd.scene.sampling import DateSample, take_sample
from mmcd.scene.settings import SceneSettings


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
def open_pair(before: str, after: str, settings: SceneSettings) -> Iterator[OpenPair]:
    """Open two rasters as a pair.

    Raises:
        SceneError: they can't be opened or don't form a pair.
        SceneStoppedError: they can't be read at all.
    """
    with open_raster(before, 'before') as first, open_raster(after, 'after') as second:
        overlap = find_overlap(grid_of(first), grid_of(second))
        common: dict[str, Any] = dict(
            grid=overlap.grid,
            bands=settings.bands,
            no_data=settings.no_data,
            resampling=settings.resampling,
        )
        size = overlap.grid.height, overlap.grid.width
        with (
            RasterReader(first, 'before', shift=(overlap.row, overlap.column), **common) as one,
            RasterReader(second, 'after', shift=overlap.shift, **common) as other,
        ):
            samples = take_sample(one, *size), take_sample(other, *size)
            yield OpenPair(overlap.grid, one, other, samples)
