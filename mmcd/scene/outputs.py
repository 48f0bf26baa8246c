"""From finished strips to the files that a user asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from mmcd.errors import SceneStoppedError
from mmcd.io.atomic import write_whole
from mmcd.scene.grid import Grid, row_areas
from mmcd.scene.partial_run import NO_DATA, FinishedRows, PartialRun
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import SceneSettings
from mmcd.scene.styles import category_names, raster_style
from mmcd.scene.vectors import (
    ChangePolygons,
    find_polygons,
    mean_probability,
    write_polygons,
)
from mmcd.scene.writing import partial_name, write_raster
from mmcd.scene.zones import Zones, as_csv, count_zones
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import UNCHANGED


class OutputWriter:
    """Writes a scene's outputs under their partial names.

    Args:
        run: holds all strips.
        strips: how many they are.
        grid: of the map.
        outputs: the files.
        settings: of the scene.
        tags: metadata of the rasters.
        classes: of the map.
        zones: to count the changes in; None: there are none.
    """

    def __init__(
        self,
        run: PartialRun,
        strips: int,
        grid: Grid,
        outputs: SceneOutputs,
        settings: SceneSettings,
        tags: dict[str, str],
        classes: ChangeClasses,
        zones: Zones | None = None,
    ) -> None:
        self._run = run
        self._strips = range(strips)
        self._grid = grid
        self._outputs = outputs
        self._settings = settings
        self._tags = tags
        self._classes = classes
        self._zones = zones

    def write_rasters(self) -> dict[str, Any]:
        """The map and, where it is asked for, the probability; returns what is on the map."""
        counts: list[np.ndarray] = []  # pixels of each class, a row of the map each
        counted = _counted(self._masks(), len(self._classes), counts)
        self._write(self._outputs.mask, 'mask', counted)
        if self._outputs.probability is not None:
            self._write(self._outputs.probability, 'probability', self._probabilities())
        return _summary(np.array(counts), self._grid, self._classes)

    def write_vectors(self, timestamp_ns: int | None) -> dict[str, Any]:
        """The polygons and the zones, where they are asked for; gives what is in them.

        Args:
            timestamp_ns: when the inputs changed last; a GeoPackage has a time in it, and the
                time of the run would make each file another one.
        """
        path, zones = self._outputs.vectors, self._zones
        found: dict[str, Any] = dict(polygons=None)
        if path is None and zones is None:
            return found
        # A COG is polygonised as well as any other GeoTIFF.
        mask = partial_name(self._outputs.mask)
        every = find_polygons(mask, self._grid)
        size = every.pixels if np.isnan(every.area).any() else every.area
        is_large = size >= self._settings.min_area
        polygons = every.select(np.flatnonzero(is_large))
        if path is not None:
            found = self._write_polygons(path, polygons, timestamp_ns)
            small = every.select(np.flatnonzero(~is_large))
            found['left_out'] = dict(polygons=len(small), area_m2=_total(small))
        if zones is not None:
            found['zones'] = count_zones(zones, mask, self._grid, polygons)
        return found

    def _write_polygons(
        self, path: Path, polygons: ChangePolygons, timestamp_ns: int | None
    ) -> dict[str, Any]:
        probability = mean_probability(polygons, self._run.load_all(self._strips))
        write_polygons(
            path,
            polygons,
            probability,
            self._grid,
            classes=self._classes,
            simplify=self._settings.simplify,
            timestamp=_as_text(timestamp_ns),
        )
        return dict(polygons=len(polygons), polygons_area_m2=_total(polygons))

    def write_beside(self, found: dict[str, Any], quicklook: bytes | None) -> list[Path]:
        """What lies beside the map: its style, the names of its values, a picture, the zones.

        Args:
            found: from :meth:`write_vectors`.
            quicklook: the picture; None: there is none.
        """
        files = {
            self._outputs.style: raster_style(self._classes),
            self._outputs.categories: category_names(self._classes),
        }
        for path, text in files.items():
            write_whole(path, text)
        shown = []
        if found.get('zones') is not None:
            write_whole(self._outputs.zones, as_csv(found['zones']))
            shown.append(self._outputs.zones)
        if quicklook is not None:
            write_whole(self._outputs.quicklook, quicklook)
            shown.append(self._outputs.quicklook)
        return shown

    def _write(self, path: Path, content: str, rows: Iterator[np.ndarray]) -> None:
        tags = {**self._tags, 'MMCD_CONTENT': content}
        write_raster(path, rows, self._grid, tags, cog=self._settings.cog, classes=self._classes)

    def _masks(self) -> Iterator[np.ndarray]:
        return (rows.mask for rows in self._run.load_all(self._strips))

    def _probabilities(self) -> Iterator[np.ndarray]:
        return (_probability_of(rows) for rows in self._run.load_all(self._strips))


def _total(polygons: ChangePolygons) -> float | None:
    """Of their area, in m²; None without a CRS."""
    area = float(polygons.area.sum())
    return None if np.isnan(area) else round(area, 3)


def _probability_of(rows: FinishedRows) -> np.ndarray:
    if rows.probability is None:
        raise SceneStoppedError('The finished strips hold no probability. Start the run anew.')
    return rows.probability


def _counted(
    masks: Iterator[np.ndarray], number: int, counts: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """The masks as they are; notes how many pixels of each class each row has."""
    for mask in masks:
        counts += [np.bincount(row, minlength=NO_DATA + 1)[:number] for row in mask]
        yield mask


def _summary(counts: np.ndarray, grid: Grid, classes: ChangeClasses) -> dict[str, Any]:
    changed_rows = counts[:, UNCHANGED + 1 :].sum(axis=1)
    changed, valid = int(changed_rows.sum()), int(counts.sum())
    area = row_areas(grid)
    found: dict[str, Any] = dict(
        changed_pixels=changed,
        valid_pixels=valid,
        changed_fraction=round(changed / valid, 6) if valid else None,
        changed_area_m2=None if area is None else round(float(changed_rows @ area), 3),
    )
    if not classes.is_binary:
        found['class_pixels'] = dict(zip(classes.names, counts.sum(axis=0).tolist(), strict=True))
    return found


def _as_text(timestamp_ns: int | None) -> str | None:
    if timestamp_ns is None:
        return None
    moment = datetime.fromtimestamp(timestamp_ns // 10**9, tz=timezone.utc)
    return moment.strftime('%Y-%m-%dT%H:%M:%SZ')
