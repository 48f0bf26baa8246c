"""From finished strips to the files that a user asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mmcd.errors import SceneStoppedError
from mmcd.scene.grid import Grid
from mmcd.scene.ground_area import row_areas
from mmcd.scene.partial_run import NO_DATA, FinishedRows, PartialRun
from mmcd.scene.settings import SceneOutputs, SceneSettings
from mmcd.scene.vectors import find_polygons, mean_probability, write_polygons
from mmcd.scene.writing import partial_name, write_raster


class OutputWriter:
    """Writes a scene's outputs under their partial names.

    Args:
        run: holds all strips.
        strips: how many they are.
        grid: of the map.
        outputs: the files.
        settings: of the scene.
        tags: metadata of the rasters.
    """

    def __init__(
        self,
        run: PartialRun,
        strips: int,
        grid: Grid,
        outputs: SceneOutputs,
        settings: SceneSettings,
        tags: dict[str, str],
    ) -> None:
        self._run = run
        self._strips = range(strips)
        self._grid = grid
        self._outputs = outputs
        self._settings = settings
        self._tags = tags

    def write_rasters(self) -> dict[str, Any]:
        """The map and, where it is asked for, the probability; gives what is on the map."""
        counts: list[tuple[int, int]] = []  # changed and valid pixels of each row
        self._write(self._outputs.mask, 'mask', _counted(self._masks(), counts))
        if self._outputs.probability is not None:
            self._write(self._outputs.probability, 'probability', self._probabilities())
        return _summary(np.array(counts), self._grid)

    def write_vectors(self, timestamp_ns: int | None) -> int | None:
        """The polygons, where they are asked for; gives their number.

        Args:
            timestamp_ns: when the inputs changed last; a GeoPackage has a time in it, and the
                time of the run would make each file another one.
        """
        path = self._outputs.vectors
        if path is None:
            return None
        # A COG is polygonised as well as any other GeoTIFF.
        mask = partial_name(self._outputs.mask)
        polygons = find_polygons(mask, self._grid, self._settings.min_area)
        probability = mean_probability(polygons, self._run.load_all(self._strips))
        write_polygons(
            path,
            polygons,
            probability,
            self._grid,
            simplify=self._settings.simplify,
            timestamp=_as_text(timestamp_ns),
        )
        return len(polygons)

    def _write(self, path: Path, content: str, rows: Iterator[np.ndarray]) -> None:
        tags = {**self._tags, 'MMCD_CONTENT': content}
        write_raster(path, rows, self._grid, tags, cog=self._settings.cog)

    def _masks(self) -> Iterator[np.ndarray]:
        return (rows.mask for rows in self._run.load_all(self._strips))

    def _probabilities(self) -> Iterator[np.ndarray]:
        return (_probability_of(rows) for rows in self._run.load_all(self._strips))


def _probability_of(rows: FinishedRows) -> np.ndarray:
    if rows.probability is None:
        raise SceneStoppedError('The finished strips hold no probability. Start the run anew.')
    return rows.probability


def _counted(masks: Iterator[np.ndarray], counts: list[tuple[int, int]]) -> Iterator[np.ndarray]:
    """The masks as they are; notes the changed and the valid pixels of each row."""
    for mask in masks:
        changed, valid = (mask == 1).sum(axis=1), (mask != NO_DATA).sum(axis=1)
        counts += zip(changed.tolist(), valid.tolist(), strict=True)
        yield mask


def _summary(counts: np.ndarray, grid: Grid) -> dict[str, Any]:
    changed, valid = counts.sum(axis=0).tolist()
    area = row_areas(grid)
    return dict(
        changed_pixels=changed,
        valid_pixels=valid,
        changed_fraction=round(changed / valid, 6) if valid else None,
        changed_area_m2=None if area is None else round(float(counts[:, 0] @ area), 3),
    )


def _as_text(timestamp_ns: int | None) -> str | None:
    if timestamp_ns is None:
        return None
    moment = datetime.fromtimestamp(timestamp_ns // 10**9, tz=timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')
