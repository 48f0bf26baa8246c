"""How much changed in each of some zones, such as districts."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import shapely
from rasterio import features
from rasterio.windows import Window

from mmcd.errors import SceneError
from mmcd.scene.exclusions import read_polygons
from mmcd.scene.grid import Grid, pixel_area
from mmcd.scene.partial_run import NO_DATA
from mmcd.scene.vectors import ChangePolygons
from mmcd.structures.change_classes import UNCHANGED

ROWS = 512
# What is counted in each zone; areas where the map has a CRS.
COUNTED = (
    *('valid_pixels', 'changed_pixels', 'valid_m2', 'changed_m2'),
    *('changed_share', 'changes'),
)


@dataclass(frozen=True)
class Zones:
    """Polygons with what their file says of each.

    Args:
        outlines: in the CRS of the map; empty where a row has none.
        owned: the columns of each, as plain values.
    """

    outlines: np.ndarray
    owned: list[dict[str, Any]]

    @property
    def checksum(self) -> str:
        """Tells them from others, whichever of their files was altered."""
        digest = hashlib.blake2b(json.dumps(self.owned).encode(), digest_size=16)
        digest.update(b''.join(shapely.to_wkb(self.outlines)))
        return digest.hexdigest()


def read_zones(path: str, grid: Grid, *, allow_remote: bool = False) -> Zones:
    """Read a file of polygons.

    Args:
        path: see :func:`mmcd.scene.exclusions.read_outlines`.
        grid: of the map.
        allow_remote: see there.

    Raises:
        SceneError: see there; or it has columns of the names that are counted.
    """
    outlines, columns = read_polygons(path, grid, allow_remote=allow_remote)
    if taken := [name for name in columns if name in COUNTED]:
        raise SceneError(
            f'The zones in {path} have columns of their own named {", ".join(taken)}, as the table '
            'of the changes names what is counted. Rename them.'
        )
    if not columns:
        return Zones(outlines, [dict(zone=index + 1) for index in range(len(outlines))])
    plain = ([_plain(value) for value in column] for column in columns.values())
    return Zones(
        outlines, [dict(zip(columns, row, strict=True)) for row in zip(*plain, strict=True)]
    )


def count_zones(
    zones: Zones, mask: Path, grid: Grid, polygons: ChangePolygons
) -> list[dict[str, Any]]:
    """Valid and changed pixels and area of each zone, and the number of changes in it.

    A change belongs to the zone that a point inside of it lies in; a pixel to the zone that its
    middle lies in. Zones may overlap.

    Args:
        zones: the polygons.
        mask: the map's file.
        grid: of the map.
        polygons: the changes, in columns and rows of the map.

    Returns:
        A dict for each zone, with the zone's own columns under the names that they have.
    """
    points = shapely.point_on_surface(polygons.outlines)
    x, y = grid.to_ground(shapely.get_y(points), shapely.get_x(points))
    changes = shapely.points(x, y)
    with rasterio.open(mask) as file:
        return [
            dict(
                own,
                **_count(outline, file, grid),
                changes=int(shapely.contains(outline, changes).sum()) if len(changes) else 0,
            )
            for outline, own in zip(zones.outlines, zones.owned, strict=True)
        ]


def as_csv(zones: list[dict[str, Any]]) -> str:
    """A table with a row for each zone."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(zones[0]) if zones else [], lineterminator='\n')
    writer.writeheader()
    writer.writerows(zones)
    return file.getvalue()


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and math.isnan(value):  # a number that a row lacks
        return None
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _count(outline: Any, file: Any, grid: Grid) -> dict[str, Any]:
    """Over the rows that a zone covers, some at a time."""
    top, bottom, left, right = _extent(outline, grid)
    counts = np.zeros(2, np.int64)
    area = np.zeros(2)
    for row in range(top, bottom, ROWS):
        height, width = min(ROWS, bottom - row), right - left
        if not width:
            break
        values = file.read(1, window=Window(left, row, width, height))
        inside = features.geometry_mask(
            [outline],
            (height, width),
            grid.part(row, left, height, width).transform,
            invert=True,
        )
        valid = (inside & (values != NO_DATA)).sum(axis=1)
        changed = (inside & (values != NO_DATA) & (values != UNCHANGED)).sum(axis=1)
        counts += [valid.sum(), changed.sum()]
        middles = np.arange(row, row + height) + 0.5
        each = pixel_area(grid, middles, np.full(height, (left + right) / 2))
        area += [np.nan, np.nan] if each is None else [valid @ each, changed @ each]
    found: dict[str, Any] = dict(valid_pixels=int(counts[0]), changed_pixels=int(counts[1]))
    if grid.crs is not None:
        square_metres = [round(float(a), 2) if np.isfinite(a) else None for a in area]
        found |= dict(zip(('valid_m2', 'changed_m2'), square_metres, strict=True))
    found['changed_share'] = round(counts[1] / counts[0], 6) if counts[0] else None
    return found


def _extent(outline: Any, grid: Grid) -> tuple[int, int, int, int]:
    """The first row and column of the map that a zone may cover, and those behind the last."""
    if outline.is_empty:
        return 0, 0, 0, 0
    left_x, low_y, right_x, high_y = outline.bounds
    box_x, box_y = [left_x, right_x, left_x, right_x], [low_y, low_y, high_y, high_y]
    rows, columns = map(np.asarray, grid.to_pixels(np.array(box_x), np.array(box_y)))
    top, bottom = (int(np.clip(v, 0, grid.height)) for v in (rows.min(), np.ceil(rows.max())))
    left, right = (int(np.clip(v, 0, grid.width)) for v in (columns.min(), np.ceil(columns.max())))
    return top, bottom, left, right
