"""The page that compares results: figures side by side, and two methods image by image."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mmcd.evaluation.comparison import Difference, Method, figure_rows
from mmcd.evaluation.metric_names import capitalised, metric_name
from mmcd.html_report.overlays import Overlay, overlays_of
from mmcd.html_report.page import write_page
from mmcd.html_report.pictures import (
    AFTER,
    BEFORE,
    PAIR_OVERLAYS,
    STRIP,
    STRIP_GAP,
    PairPictures,
    encode_jpeg,
    find_pictures,
    remove_pictures,
)
from mmcd.html_report.plots import image_by_image
from mmcd.html_report.result_page import (
    IMAGES,
    ImageRow,
    picture_data,
    picture_of,
    picture_path,
    strip_of,
)
from mmcd.io.atomic import write_whole
from mmcd.structures import ChangeClasses

EXAMPLES = 6
# Layers of the comparison: of which method, and the layer of its own report.
LAYERS = {
    'errors-1': (0, 'errors'),
    'errors-2': (1, 'errors'),
    'label': (0, 'label'),
    'probability-1': (0, 'probability'),
    'probability-2': (1, 'probability'),
}


@dataclass(frozen=True)
class Compared:
    """What a page compares.

    Args:
        methods: two or more; the first two image by image.
        folders: of the first result file of each, where its report's pictures may lie.
        differences: of each further method from the first, by its name.
        metric: the figure that is tested.
        unfair: how the protocols differ, in sentences.
        noted: what a reader should know besides.
        untested: why a further method's difference is not among them, by its name.
    """

    methods: Sequence[Method]
    folders: Sequence[Path]
    differences: Mapping[str, Difference]
    metric: str
    unfair: Sequence[str] = ()
    noted: Sequence[str] = ()
    untested: Mapping[str, str] = field(default_factory=dict)


def write_comparison_page(folder: Path, compared: Compared) -> Path:
    """Write ``index.html``, with the pictures that the methods' own reports have.

    Args:
        folder: of the page.
        compared: see there.

    Returns:
        The page's file.
    """
    first, second = compared.methods[:2]
    names = [method.name for method in compared.methods]
    scores = [_scores_by_image(method) for method in (first, second)]
    shared = [name for name in scores[0] if name in scores[1]]
    images = {image['name']: image for image in first.records[0]['images']}
    found = [_copy_pictures(folder, images[name], compared.folders[:2]) for name in shared]
    rows = [
        _make_row(index, name, (scores[0][name], scores[1][name]), pictures)
        for index, (name, pictures) in enumerate(zip(shared, found, strict=True))
    ]
    both = [pair for name in shared if (pair := _both(scores[0][name], scores[1][name]))]
    examples = _pick_examples(rows, names)
    sections = [('metrics', 'Metrics'), ('differences', 'Differences'), ('images', 'All images')]
    content = dict(
        title=f'{" and ".join(names) if len(names) < 4 else f"{len(names)} methods"}, compared',
        subtitle=f'{names[0]} and {names[1]} have {len(shared):,} images in common. Figures are in '
        'percent.',
        sections=sections,
        names=names,
        figures=[
            (capitalised(name), texts)
            for name, *texts in figure_rows(compared.methods, ' ({:.2f} to {:.2f})')
        ],
        differences=[
            _sentence(names[0], name, difference, compared.metric)
            for name, difference in compared.differences.items()
        ]
        + [f'Not tested: {reason}' for reason in compared.untested.values()],
        unfair=compared.unfair,
        noted=compared.noted,
        plots=[image_by_image(both, (names[0], names[1]))] if both else [],
        examples=examples,
        columns=[f'F1 {names[0]}', f'F1 {names[1]}', 'Difference'],
        rows=rows,
        has_pictures=any(found),
        overlays=_overlays(names, ChangeClasses.from_meta(first.records[0]['protocol'])),
        pictures=picture_data(found, rows),
    )
    return write_page(folder, 'comparison.html.j2', content)


def _scores_by_image(method: Method) -> dict[str, float | None]:
    """The F1 of each image that all seeds have, their mean.

    None where there is nothing to find, and none of them found something.
    """
    scores: dict[str, list[float]] = {}
    scored: set[str] = set()
    for record in method.records:
        for image in record['images']:
            counts = image['counts']
            scores.setdefault(image['name'], []).append(image['f1'])
            if counts['true_positives'] + counts['false_positives'] + counts['false_negatives']:
                scored.add(image['name'])
    return {
        name: float(np.mean(each)) if name in scored else None
        for name, each in scores.items()
        if len(each) == len(method.records)
    }


def _both(one: float | None, other: float | None) -> tuple[float, float] | None:
    return None if one is None or other is None else (one, other)


def _make_row(
    index: int,
    name: str,
    scores: tuple[float | None, float | None],
    pictures: PairPictures | None,
) -> ImageRow:
    one, other = scores
    gain = None if one is None or other is None else other - one
    cells: list[tuple[float | str, str]] = [
        ('', '–') if value is None else (round(value, 3), f'{value:.1f}') for value in scores
    ]
    cells.append(('', '–') if gain is None else (round(gain, 3), f'{gain:+.1f}'))
    about = 'F1 {} and {}'.format(*(cell[1] for cell in cells[:2]))
    if gain is not None:
        about += f', a difference of {gain:+.1f}'
    strip, width, height = strip_of(pictures, tiles=4)
    return ImageRow(index, name, f'{about}.', gain, cells, strip, width, height)


def _pick_examples(
    rows: Sequence[ImageRow], names: Sequence[str]
) -> list[tuple[str, list[ImageRow]]]:
    """The images on which the two differ most, each way."""
    ranked = sorted((row for row in rows if row.score), key=lambda row: row.score or 0)
    better = [row for row in ranked[::-1] if (row.score or 0) > 0][:EXAMPLES]
    worse = [row for row in ranked if (row.score or 0) < 0][:EXAMPLES]
    groups = [(f'{names[1]} is the better one', better), (f'{names[0]} is the better one', worse)]
    return [(title, group) for title, group in groups if group]


def _copy_pictures(
    folder: Path, image: Mapping[str, Any], sources: Sequence[Path]
) -> PairPictures | None:
    """Take an image's pictures over from the methods' reports.

    None where one has none, or has them in another size, so that they do not lie on each other.
    """
    theirs = [picture_of(source, image) for source in sources]
    one, other = theirs
    target = picture_path(folder, image['name'])
    remove_pictures(target)
    if one is None or other is None or (one.height, one.width) != (other.height, other.width):
        return None
    places = [source / each.folder for source, each in zip(sources, (one, other), strict=True)]
    target.mkdir(parents=True, exist_ok=True)
    for name in (BEFORE, AFTER):
        shutil.copyfile(places[0] / name, target / name)
    for layer, (which, name) in LAYERS.items():
        if (places[which] / f'{name}.png').is_file():
            shutil.copyfile(places[which] / f'{name}.png', target / f'{layer}.png')
    strips = [np.array(Image.open(place / STRIP)) for place in places]
    tile = (strips[1].shape[1] - 2 * STRIP_GAP) // 3
    joined = np.hstack([strips[0], strips[1][:, -(tile + STRIP_GAP) :]])
    write_whole(target / STRIP, encode_jpeg(joined))
    return find_pictures(folder, f'{IMAGES}/{target.name}', LAYERS)


def _overlays(names: Sequence[str], classes: ChangeClasses) -> list[Overlay]:
    own = dict(zip(PAIR_OVERLAYS, overlays_of(PAIR_OVERLAYS, classes), strict=True))
    overlays = []
    for layer, (which, name) in LAYERS.items():
        like = own[name]
        title = like.title if layer == 'label' else f'{like.title}: {names[which]}'
        legend = like.legend if layer in ('errors-1', 'label') else ()
        overlays.append(Overlay(layer, title, like.swatch, layer == 'errors-1', legend))
    return overlays


def _sentence(first: str, second: str, found: Difference, metric: str) -> str:
    return (
        f'{capitalised(metric_name(metric))} of {second} is {found.value:+.2f} from that of '
        f'{first} (95 % interval {found.low:+.2f} to {found.high:+.2f}), {found.verdict} '
        f'({found.images:,} images, {found.units:,} of them independent).'
    )
