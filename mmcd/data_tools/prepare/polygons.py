"""Labels that are polygons: of the changes, or of the footprints at both dates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.errors import LabelError, SceneError
from mmcd.install.extras import require_geo
from mmcd.structures.change_classes import UNCHANGED

SUFFIXES = ('.geojson', '.json', '.gpkg', '.shp', '.fgb', '.kml')


def is_polygons(label: Path) -> bool:
    """Whether a label is a file of polygons, by its ending."""
    return label.suffix.lower() in SUFFIXES


def draw_label(
    label: Path, label_after: Path | None, before: Path, encoding: LabelEncoding
) -> np.ndarray:
    """Draw polygons on the pixels of the before image, (H, W) uint8 in the values of an encoding.

    A pixel is of a polygon where its middle lies in it.

    Args:
        label: polygons of what changed; with ``label_after``, footprints at the first date.
        label_after: footprints at the second date: what lies in those of one date only is changed.
        before: the before image, whose georeference says where its pixels lie; without one, the
            polygons are in columns and rows.
        encoding: of the label.

    Raises:
        LabelError: a file can't be read or holds no polygons, or the encoding has several kinds of
            change.
        MissingExtraError: the packages of the extra ``geo`` are not installed.
    """
    require_geo()
    import rasterio
    from rasterio.features import rasterize

    from mmcd.scene.exclusions import read_outlines
    from mmcd.scene.grid import grid_of

    values = [value for _, value in encoding.values] or [0, 255]
    if len(values) != 2:
        raise LabelError(f'Polygons say changed or not, but {label} must hold {values}. Use masks.')
    with rasterio.open(before) as file:
        grid = grid_of(file)
    drawn = []
    for path in (label, label_after):
        if path is None:
            continue
        try:
            outlines = read_outlines(str(path), grid)
        except SceneError as error:
            raise LabelError(str(error)) from error
        size = grid.height, grid.width
        inside = (
            rasterize(outlines, out_shape=size, transform=grid.transform, dtype=np.uint8)
            if len(outlines)
            else np.zeros(size, np.uint8)
        )
        drawn.append(inside.astype(bool))
    changed = drawn[0] ^ drawn[1] if label_after is not None else drawn[0]
    new, old = (np.uint8(values[index]) for index in (UNCHANGED + 1, UNCHANGED))
    return np.where(changed, new, old)
