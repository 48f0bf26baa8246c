"""Where the files of each published data set lie in its archive as unpacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mmcd.data_tools.prepare.polygons import SUFFIXES, is_polygons
from mmcd.datasets import (
    BitemporalDataset,
    CDDDataset,
    CLCDDataset,
    DSIFNCDDataset,
    LEVIRCDDataset,
    S2LookingDataset,
    SYSUCDDataset,
    WHUCDDataset,
)
from mmcd.datasets.layout import ANY_SUFFIX, SPLITS, PairLayout
from mmcd.datasets.listed_pairs import find_listed_pairs
from mmcd.datasets.pair_index import index_pairs
from mmcd.errors import DatasetError, DatasetNotFoundError

DEEPEST = 3  # how many folders an archive may have around what is looked for


@dataclass(frozen=True)
class Scene:
    """A pair of image files with their label.

    Args:
        name: what its tiles are named by.
        before: file of the first date.
        after: file of the second date.
        label: file of the label.
        splits: where it may go: one split, where the data set says so, or several.
        label_after: where labels are polygons of both dates' footprints, those of the second one.
    """

    name: str
    before: Path
    after: Path
    label: Path
    splits: tuple[str, ...]
    label_after: Path | None = None


@dataclass(frozen=True)
class Source:
    """A data set as its authors publish it.

    Args:
        layout: its folders, endings and label values.
        find: lists its scenes in a folder.
        within: the end of its path, where an archive holds several alike.
        tile: the tile that it is cut into where none is asked for.
        blocks: the blocks that it is divided by where it is published without splits.
        pairs: a table or patterns that name its pairs, see
            :func:`mmcd.datasets.listed_pairs.find_listed_pairs`.
    """

    layout: PairLayout
    find: Callable[[Path, Source], list[Scene]]
    within: str = ''
    tile: int | None = None
    blocks: int | None = None
    pairs: str | None = None


def find_split_pairs(folder: Path, source: Source) -> list[Scene]:
    """Pairs in ``{train,val,test}/{before,after,label}``.

    Raises:
        DatasetNotFoundError: folders or files are missing.
        DatasetError: several folders could be meant, or files are left over.
    """
    root = _find_root(folder, source)
    return [scene for split in SPLITS for scene in _pairs_of(root, split, source.layout, (split,))]


def find_own_pairs(folder: Path, source: Source) -> list[Scene]:
    """Pairs in three folders, divided into splits already or not.

    Raises:
        DatasetNotFoundError: folders or files are missing.
        DatasetError: files are left over.
    """
    if source.pairs is not None:
        return _listed(folder, source.pairs)
    there = [split for split in SPLITS if (folder / split / source.layout.before_dir).is_dir()]
    if not there:
        return _pairs_of(folder, '', source.layout, SPLITS)
    return [s for split in there for s in _pairs_of(folder, split, source.layout, (split,))]


def _listed(folder: Path, pairs: str) -> list[Scene]:
    found = find_listed_pairs(pairs, folder)
    wrong = [pair for pair in found if pair.split not in (None, *SPLITS)]
    if wrong:
        raise DatasetError(
            f'{pairs} puts {wrong[0].name} into the split {wrong[0].split!r}; splits are '
            f'{", ".join(SPLITS)}.'
        )
    labels = [(pair.label, pair.label_after) for pair in found if pair.label_after is not None]
    masks = [path for two in labels for path in two if not is_polygons(path)]
    if masks:
        raise DatasetError(
            f'{pairs} names two labels a pair. Those are the footprints at both dates, as polygons '
            f'({", ".join(SUFFIXES)}), but got {masks[0]}. Of masks, name one per pair, of what '
            'changed: the pixels where the masks of the two dates differ.'
        )
    return [
        Scene(
            pair.name,
            pair.before,
            pair.after,
            pair.label,
            (pair.split,) if pair.split else SPLITS,
            pair.label_after,
        )
        for pair in found
    ]


def find_whu_scenes(folder: Path, source: Source) -> list[Scene]:
    """The one pair of WHU-CD, or the two of its edition with a training and a test area.

    Raises:
        DatasetNotFoundError: neither is there.
    """
    for root in _folders(folder):
        label = next(root.glob('change?label/change_label.tif'), None)
        whole = root / 'before' / 'before.tif', root / 'after' / 'after.tif'
        if label and all(path.is_file() for path in whole):
            return [Scene('whu', *whole, label, SPLITS)]
        areas = [_whu_area(root, 'train', ('train', 'val')), _whu_area(root, 'test', ('test',))]
        if all(path.is_file() for a in areas for path in (a.before, a.after, a.label)):
            return areas
    raise DatasetNotFoundError(
        f'Found no WHU-CD in {folder}: expected before/before.tif, after/after.tif and '
        '"change label/change_label.tif", or 2012/whole_image/{train,test}/image/2012_*.tif, the '
        'same of 2016, and change_label/{train,test}/change_label.tif.'
    )


def own_source(layout: PairLayout) -> Source:
    """A folder of one's own pairs."""
    return Source(
        replace(layout, image_suffixes=ANY_SUFFIX, label_suffixes=ANY_SUFFIX), find_own_pairs
    )


def _published(dataset: type[BitemporalDataset], within: str = '') -> Source:
    return Source(dataset.published_layout(), find_split_pairs, within)


SOURCES = {
    'levir-cd': _published(LEVIRCDDataset),
    # Beside the real pairs, its archive holds synthetic ones in the same layout.
    'cdd': _published(CDDDataset, 'Real/subset'),
    'sysu-cd': _published(SYSUCDDataset),
    'dsifn-cd': _published(DSIFNCDDataset),
    's2looking': _published(S2LookingDataset),
    'clcd': _published(CLCDDataset),
    # Its label is a mask; whichever of 0/1 and 0/255 an edition has, it is read right.
    'whu-cd': Source(
        replace(WHUCDDataset.published_layout(), label_encoding=dict(threshold=0)),
        find_whu_scenes,
        tile=256,
        blocks=8,
    ),
    'folder': own_source(PairLayout()),
}


def _whu_area(root: Path, split: str, splits: tuple[str, ...]) -> Scene:
    before, after = (
        root / year / 'whole_image' / split / 'image' / f'{year}_{split}.tif'
        for year in ('2012', '2016')
    )
    return Scene(
        f'whu_{split}', before, after, root / 'change_label' / split / 'change_label.tif', splits
    )


def _pairs_of(root: Path, split: str, layout: PairLayout, splits: tuple[str, ...]) -> list[Scene]:
    folders = layout.folders(root / split)
    names = ', '.join(folder.path.name for folder in folders)
    expected = f'Expected {root / split}/ with the folders {names}.'
    pairs = index_pairs(folders, layout=expected)
    return [Scene(pair.name, pair.before, pair.after, pair.label, splits) for pair in pairs]


def _find_root(folder: Path, source: Source) -> Path:
    """The folder that holds the splits, however deep the archive was unpacked."""
    found = [
        root for root in _folders(folder) if (root / SPLITS[0] / source.layout.before_dir).is_dir()
    ]
    meant = [root for root in found if root.as_posix().endswith(source.within)] or found
    if len(meant) > 1:
        listed = ', '.join(str(root) for root in meant)
        raise DatasetError(f'Several data sets are in {folder}; give one of them as SRC: {listed}.')
    return meant[0] if meant else folder


def _folders(folder: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """A folder and those in it, but those of the splits."""
    if not folder.is_dir():
        raise DatasetNotFoundError(f'There is no folder {folder} (from here: {Path.cwd()}).')
    yield folder
    if depth:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir()):
            if inner.name not in SPLITS:
                yield from _folders(inner, depth - 1)
