"""A web page about a mapped scene: both dates under a swipe, what changed, the largest areas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import rasterio
import shapely
from affine import Affine
from rasterio import features
from rasterio.enums import Resampling
from rasterio.warp import transform as transform_points

from mmcd.html_report.figures import Figure, describe_facts
from mmcd.html_report.overlays import Overlay, overlays_of
from mmcd.html_report.page import write_page
from mmcd.html_report.pictures import save_pictures
from mmcd.scene.grid import Grid
from mmcd.scene.pair_reader import OpenPair
from mmcd.scene.radiometry import Radiometry, ValueRange, to_bytes
from mmcd.scene.raster_reader import RasterReader
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.vectors import ChangePolygons, find_polygons
from mmcd.structures import ChangeClasses, ImageSpec

MAX_SIDE = 2048  # pixels of the reduced picture
LISTED = 50
OUTLINED = 1000
NO_DATA_GREY = 128
PICTURES = 'images'


def write_scene_page(
    folder: Path,
    pair: OpenPair,
    radiometry: Radiometry,
    outputs: SceneOutputs,
    report: Mapping[str, Any],
    *,
    image: ImageSpec,
    classes: ChangeClasses,
    max_side: int = MAX_SIDE,
) -> Path:
    """Write ``index.html`` and its pictures about a scene that is mapped.

    Args:
        folder: of the page.
        pair: both rasters, open.
        radiometry: of their pixels.
        outputs: written already.
        report: what the JSON report says.
        image: says which bands are shown, and how.
        classes: of the map.
        max_side: pixels of the reduced pictures along their longer side.

    Returns:
        The page's file.
    """
    grid = pair.grid
    scale = max(1.0, max(grid.height, grid.width) / max_side)
    height, width = (max(round(size / scale), 1) for size in (grid.height, grid.width))
    polygons = find_polygons(outputs.mask, grid, report['settings']['min_area'])
    polygons = polygons.select(np.argsort(-polygons.pixels, kind='stable'))
    save_pictures(
        folder / PICTURES,
        _read_picture(pair.before, radiometry.before, image, height, width),
        _read_picture(pair.after, radiometry.after, image, height, width),
        prediction=_draw_polygons(polygons, grid, height, width),
        probability=_read_probability(outputs.probability, height, width),
        classes=classes,
        max_side=max_side,
    )
    layers = ['prediction', *(['probability'] if outputs.probability else [])]
    overlays = overlays_of(layers, classes)
    overlays[0] = Overlay('prediction', 'Changes', overlays[0].swatch, True, overlays[0].legend)
    overlays.insert(1, Overlay('outlines', 'Outlines', 'var(--outline)', shown=True))
    content = dict(
        title=f'Changes: {outputs.mask.name}',
        subtitle=f'{report["inputs"]["before"]["path"]} and {report["inputs"]["after"]["path"]}',
        sections=[('scene', 'Scene'), ('areas', 'Largest areas'), ('protocol', 'How it was made')],
        headline=_headline(report, len(polygons)),
        reduced=None if scale == 1 else f'{width:,} × {height:,}',
        overlays=overlays,
        outlines=_outlines(polygons, scale),
        height=height,
        width=width,
        areas=_list_areas(polygons, grid, outputs.vectors, classes),
        total=len(polygons),
        facts=_facts(report, grid),
        pictures=[
            dict(name='', about='', folder=PICTURES, width=width, height=height, layers=layers)
        ],
    )
    return write_page(folder, 'scene.html.j2', content)


def _read_picture(
    reader: RasterReader, values: ValueRange | None, image: ImageSpec, height: int, width: int
) -> np.ndarray:
    """One date as people are shown it, (height, width, 3) uint8; grey where there is no data."""
    pixels, valid = reader.read_reduced(height, width)
    pixels = np.moveaxis(to_bytes(pixels, values), 0, -1)
    shown = image.to_display(pixels, valid)
    shown[~valid] = NO_DATA_GREY
    return shown


def _read_probability(path: Path | None, height: int, width: int) -> np.ndarray | None:
    if path is None:
        return None
    with rasterio.open(path) as file:
        band = file.read(1, out_shape=(height, width), masked=True, resampling=Resampling.average)
        steps = 254 if file.dtypes[0] == 'uint8' else 1
    return band.astype(np.float32).filled(0) / steps


def _draw_polygons(polygons: ChangePolygons, grid: Grid, height: int, width: int) -> np.ndarray:
    """The map, reduced: an area that is smaller than a pixel still has one."""
    if not len(polygons):
        return np.zeros((height, width), np.uint8)
    return features.rasterize(
        # The last one drawn is on top: small areas, so that none hides under a large one's edge.
        zip(polygons.outlines, polygons.kind, strict=True),
        out_shape=(height, width),
        transform=Affine.scale(grid.width / width, grid.height / height),
        all_touched=True,
        dtype=np.uint8,
    )


def _outlines(polygons: ChangePolygons, scale: float) -> list[tuple[int, str]]:
    """The largest areas as paths of SVG, in pixels of the reduced picture."""
    largest = polygons.outlines[:OUTLINED]
    simple = shapely.simplify(largest, scale / 2, preserve_topology=True)
    paths = []
    for number, outline in zip(polygons.number.tolist(), simple, strict=False):
        rings = [outline.exterior, *outline.interiors]
        corners = (shapely.get_coordinates(ring)[:-1] / scale for ring in rings)
        path = ''.join(
            'M' + 'L'.join(f'{x:.1f} {y:.1f}' for x, y in ring.tolist()) + 'Z' for ring in corners
        )
        paths.append((number, path))
    return paths


def _list_areas(
    polygons: ChangePolygons, grid: Grid, vectors: Path | None, classes: ChangeClasses
) -> list[dict[str, Any]]:
    """The largest areas, in the columns of the table."""
    largest = polygons.select(np.arange(min(LISTED, len(polygons))))
    probability = _mean_probability(vectors)
    places = _places(largest, grid)
    boxes = shapely.bounds(largest.outlines).reshape(-1, 4) / np.array(
        [grid.width, grid.height, grid.width, grid.height]
    )
    areas = []
    for index, number in enumerate(largest.number.tolist()):
        area = float(largest.area[index])
        mean = probability.get(number)
        areas.append(
            dict(
                number=number,
                box=' '.join(f'{end:.6f}' for end in boxes[index].tolist()),
                area='' if np.isnan(area) else f'{area:,.0f} m²',
                pixels=f'{int(largest.pixels[index]):,}',
                probability='' if mean is None else f'{mean:.2f}',
                kind='' if classes.is_binary else classes.names[int(largest.kind[index])],
                place='' if places is None else '{:.5f}, {:.5f}'.format(*places[index]),
            )
        )
    return areas


def _mean_probability(vectors: Path | None) -> dict[int, float]:
    """By the areas' numbers, from the polygons' file where there is one."""
    if vectors is None:
        return {}
    columns = ['change_id', 'mean_probability']
    # By its name: the styles of QGIS are a layer, too.
    layer = pyogrio.list_layers(vectors)[0][0]
    *_, (numbers, means) = pyogrio.raw.read(
        vectors, layer=layer, columns=columns, read_geometry=False
    )
    return dict(zip(numbers.tolist(), means.tolist(), strict=True))


def _places(polygons: ChangePolygons, grid: Grid) -> list[tuple[float, float]] | None:
    """Latitude and longitude of a point within each area; None without a CRS."""
    if grid.crs is None or not len(polygons):
        return None
    points = shapely.get_coordinates(shapely.point_on_surface(polygons.outlines))
    x, y = grid.to_ground(points[:, 1], points[:, 0])
    longitude, latitude = transform_points(grid.crs, 'EPSG:4326', x, y)[:2]
    return list(zip(latitude, longitude, strict=True))


def _headline(report: Mapping[str, Any], polygons: int) -> list[Figure]:
    area, share = report['changed_area_m2'], report['changed_fraction']
    figures = [] if area is None else [Figure('Changed area', _in_units(area))]
    return [
        *figures,
        Figure('Changed pixels', f'{report["changed_pixels"]:,}'),
        Figure('Share of the scene', '–' if share is None else f'{100 * share:.2f} %'),
        Figure('Areas', f'{polygons:,}'),
    ]


def _in_units(square_metres: float) -> str:
    for least, unit, name in ((1e6, 1e6, 'km²'), (1e5, 1e4, 'ha')):
        if square_metres >= least:
            return f'{square_metres / unit:,.2f} {name}'
    return f'{square_metres:,.0f} m²'


def _facts(report: Mapping[str, Any], grid: Grid) -> list[tuple[str, str]]:
    facts = dict(
        map=grid.describe(),
        values=report['values'],
        outputs=report['outputs'],
        model=report['model'],
        settings={key: one for key, one in report['settings'].items() if one is not None},
        before=report['inputs']['before'],
        after=report['inputs']['after'],
        seconds=report['seconds'],
        mmcd=report['mmcd'],
    )
    return describe_facts(facts)
