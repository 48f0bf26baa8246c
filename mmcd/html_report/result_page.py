"""The page about one result: figures, protocol, curves, and every image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmcd.evaluation.metric_names import HEADLINE
from mmcd.html_report.curves import curves_of
from mmcd.html_report.figures import describe_facts, group_figures, make_figure
from mmcd.html_report.overlays import overlays_of
from mmcd.html_report.page import write_page
from mmcd.html_report.pictures import (
    PAIR_OVERLAYS,
    STRIP,
    STRIP_GAP,
    PairPictures,
    copy_pictures,
    find_pictures,
    picture_folder,
    remove_pictures,
)
from mmcd.html_report.plots import Plot, distribution
from mmcd.structures import ChangeClasses

IMAGES = 'images'
RESULT = 'result.json'  # the record, beside the page
EXAMPLES = 3  # of the worst, median and best images each
STRIP_SHOWN = 48  # pixels of height in the table


@dataclass(frozen=True)
class ImageRow:
    """An image in the page.

    Args:
        index: its number, by which links name it.
        name: of the image.
        about: its scores in a sentence.
        score: by which images are ranked; None where nothing is to be found and nothing was.
        cells: of the table: a number to sort by ('' where there is none), and its text.
        strip: file of the small pictures; '' where there are none.
        strip_width: as shown in the table, in pixels.
        strip_height: as shown in the table, in pixels.
    """

    index: int
    name: str
    about: str
    score: float | None
    cells: Sequence[tuple[float | str, str]]
    strip: str = ''
    strip_width: int = 0
    strip_height: int = STRIP_SHOWN


def write_result_page(
    folder: Path, record: Mapping[str, Any], *, classes: ChangeClasses, title: str | None = None
) -> Path:
    """Write ``index.html`` about a result.

    Args:
        folder: of the report; pictures of the images are where ``picture_path`` says.
        record: of the result, see :func:`mmcd.evaluation.record.make_record`.
        classes: with their colours.
        title: of the page; None: the config and the split.

    Returns:
        The page's file.
    """
    images = record['images']
    found = [picture_of(folder, image) for image in images]
    rows = [
        _make_row(index, image, pictures)
        for index, (image, pictures) in enumerate(zip(images, found, strict=True))
    ]
    metrics, intervals = record['metrics'], record['intervals']
    examples = list(_pick_examples(rows)) if any(row.strip for row in rows) else []
    sections = ['metrics', 'protocol', 'curves', *(['examples'] if examples else []), 'images']
    bootstrap = record.get('bootstrap', {})
    content = dict(
        title=title or name_of(record),
        subtitle=_summary(record),
        sections=[(name, name.capitalize()) for name in sections],
        headline=[
            make_figure(key, metrics[key], intervals.get(key)) for key in HEADLINE if key in metrics
        ],
        notes=[],
        metrics=group_figures(metrics, intervals),
        level=f'{100 * bootstrap.get("level", 0.95):.0f} %',
        interval_note=_describe_intervals(bootstrap),
        protocol=describe_facts(record['protocol']),
        plots=[*curves_of(record), *_distribution_of(rows)],
        examples=examples,
        columns=['F1', 'IoU', 'Precision', 'Recall', 'False alarms', 'Missed', 'Changed'],
        rows=rows,
        has_pictures=any(found),
        overlays=overlays_of(PAIR_OVERLAYS, classes),
        pictures=picture_data(found, rows),
    )
    return write_page(folder, 'result.html.j2', content)


def name_of(record: Mapping[str, Any]) -> str:
    """What a result is called: by its config (or what else was scored) and its split."""
    protocol = record['protocol']
    scored = Path(str(protocol.get('config') or protocol.get('predictions') or 'Result')).stem
    split = protocol.get('split')
    return f'{scored} on the {split} split' if split else scored


def picture_path(report: Path, name: str) -> Path:
    """The folder of an image's pictures, by its name or else its before image's in a result."""
    return report / IMAGES / picture_folder(name)


def picture_of(report: Path, image: Mapping[str, Any]) -> PairPictures | None:
    """The pictures of an image of a result, where there are some."""
    for folder in _picture_folders(image):
        if pictures := find_pictures(report, folder, PAIR_OVERLAYS):
            return pictures
    return None


def take_pictures(report: Path, images: Sequence[Mapping[str, Any]], source: Path) -> None:
    """Give a report the pictures of these images that another one has, and no others of them.

    Args:
        report: its folder.
        images: of the result that it is made about.
        source: the other's folder; there may be no pictures in it.
    """
    for image in images:
        for folder in _picture_folders(image):
            remove_pictures(report / folder)
        if pictures := picture_of(source, image):
            copy_pictures(source / pictures.folder, report / pictures.folder)


def _picture_folders(image: Mapping[str, Any]) -> list[str]:
    """Where a report may have an image's pictures."""
    names = (image['name'], image.get('before') or '')
    return [f'{IMAGES}/{picture_folder(name)}' for name in names]


def picture_data(
    found: Sequence[PairPictures | None], rows: Sequence[ImageRow]
) -> list[dict[str, Any] | None]:
    """What the page's script needs to show each image; None of one without pictures."""
    return [
        None if pictures is None else dict(asdict(pictures), name=row.name, about=row.about)
        for pictures, row in zip(found, rows, strict=True)
    ]


def _make_row(index: int, image: Mapping[str, Any], pictures: PairPictures | None) -> ImageRow:
    counts = image['counts']
    alarms, missed = counts['false_positives'], counts['false_negatives']
    changed = counts['true_positives'] + missed
    valid = sum(counts.values())
    scored = bool(changed or alarms)
    about = 'There is no change in the label, and none was found.'
    if scored:
        scores = ', '.join(
            f'{name} {image[key]:.1f} %' for key, name in (('f1', 'F1'), ('iou', 'IoU'))
        )
        about = f'{scores}; {alarms:,} pixels are false alarms, {missed:,} are missed.'
    cells: list[tuple[float | str, str]] = [
        (round(image[key], 3), f'{image[key]:.1f}') if scored else ('', '–') for key in HEADLINE
    ]
    cells += [(number, f'{number:,}') for number in (alarms, missed)]
    share = 100 * changed / valid if valid else 0.0
    cells.append((round(share, 4), f'{share:.2f} %'))
    score = image['f1'] if scored else None
    tiles = 2 + bool(pictures and pictures.layers)
    return ImageRow(index, image['name'], about, score, cells, *strip_of(pictures, tiles))


def strip_of(pictures: PairPictures | None, tiles: int) -> tuple[str, int, int]:
    """The file of an image's small pictures, and the width and height they have in the table."""
    if pictures is None:
        return '', 0, STRIP_SHOWN
    tile_width = STRIP_SHOWN * pictures.width / pictures.height
    width = round(tiles * tile_width + (tiles - 1) * STRIP_GAP / 3)
    return f'{pictures.folder}/{STRIP}', width, STRIP_SHOWN


def _pick_examples(rows: Sequence[ImageRow]) -> Iterator[tuple[str, Sequence[ImageRow]]]:
    """The worst, median and best images; each image once."""
    ranked = sorted(
        (row for row in rows if row.score is not None and row.strip), key=lambda row: row.score or 0
    )
    number = min(EXAMPLES, max((len(ranked) + 1) // 3, 1))
    last = max(len(ranked) - number, number)
    between = ranked[number:last]
    middle = max((len(between) - EXAMPLES + 1) // 2, 0)
    groups = {
        'Worst': ranked[:number],
        'Median': between[middle : middle + EXAMPLES],
        'Best': ranked[last:][::-1],
    }
    return ((title, group) for title, group in groups.items() if group)


def _distribution_of(rows: Sequence[ImageRow]) -> Iterator[Plot]:
    values = [row.score for row in rows if row.score is not None]
    if values:
        yield distribution(values, 'F1', len(rows) - len(values))


def _summary(record: Mapping[str, Any]) -> str:
    counts = [image['counts'] for image in record['images']]
    pixels = sum(sum(each.values()) for each in counts)
    changed = sum(each['true_positives'] + each['false_negatives'] for each in counts)
    share = 100 * changed / pixels if pixels else 0.0
    number = len(counts)
    return (
        f'{number:,} image{"" if number == 1 else "s"}, {pixels:,} labelled pixels, of which '
        f'{share:.2f} % changed. Figures are in percent, from the counts of all pixels together.'
    )


def _describe_intervals(bootstrap: Mapping[str, Any]) -> str:
    if not bootstrap:
        return ''
    if 'missing' in bootstrap:
        return bootstrap['missing']
    return (
        f'Intervals: {bootstrap.get("method", "")} bootstrap over {bootstrap["units"]:,} '
        f'{bootstrap["unit"]}s, {bootstrap.get("resamples", 0):,} resamples.'
    )
