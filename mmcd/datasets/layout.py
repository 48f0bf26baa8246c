"""What ``tools/dataset_converters/prepare.py`` leaves beside the pairs: how to read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from mmcd.datasets.label_encoding import NO_CLASS
from mmcd.datasets.pair_index import PairFolder
from mmcd.errors import ConfigError, DatasetError
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import UNCHANGED, default_palette

SPLITS = ('train', 'val', 'test')
ANY_SUFFIX = ('.png', '.jpg', '.jpeg', '.tif', '.tiff', '.bmp')  # where none is stated
MANIFEST = 'prepared.json'
FORMAT = 1  # goes up when older readers would misread the file


@dataclass(frozen=True)
class PairLayout:
    """Where the files of a data set lie within a split, and what its labels mean.

    Args:
        image_suffixes: endings of its images.
        before_dir: folder of the first date.
        after_dir: folder of the second date.
        label_dir: folder of the labels.
        label_suffixes: endings of its labels.
        label_encoding: see :class:`mmcd.datasets.LabelEncoding`.

    Raises:
        ConfigError: two of the folders are the same.
    """

    image_suffixes: tuple[str, ...] = ('.png',)
    before_dir: str = 'A'
    after_dir: str = 'B'
    label_dir: str = 'label'
    label_suffixes: tuple[str, ...] = ('.png',)
    label_encoding: Mapping[str, int] = field(
        default_factory=lambda: dict(unchanged=0, changed=255)
    )

    def __post_init__(self) -> None:
        names = self.before_dir, self.after_dir, self.label_dir
        if len(set(names)) < len(names):
            raise ConfigError(
                'Before, after and label are in folders of their own; got the names '
                f'{", ".join(names)}.'
            )

    def folders(self, split: Path) -> tuple[PairFolder, PairFolder, PairFolder]:
        """The folders of before, after and label in the folder of a split."""
        return (
            PairFolder('before', split / self.before_dir, self.image_suffixes),
            PairFolder('after', split / self.after_dir, self.image_suffixes),
            PairFolder('label', split / self.label_dir, self.label_suffixes),
        )

    @property
    def classes(self) -> ChangeClasses:
        """The classes that the label encoding names; binary change under a threshold.

        Raises:
            ConfigError: it names one class only.
        """
        names = [name for name in self.label_encoding if name not in NO_CLASS]
        if set(names) <= set(BINARY_CHANGE.names):
            return BINARY_CHANGE
        names.sort(key=lambda name: name != BINARY_CHANGE.names[UNCHANGED])  # the others stay
        return ChangeClasses(tuple(names), tuple(default_palette(len(names))))


@dataclass(frozen=True)
class Manifest:
    """The content of ``prepared.json``.

    Args:
        settings: what the pairs were made from and how; a second run must have the same.
        layout: how they are read.
        pairs: how many each split holds when all is done.
        complete: whether all is done.
    """

    settings: Mapping[str, object]
    layout: PairLayout
    pairs: Mapping[str, int]
    complete: bool

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({'format': FORMAT, **asdict(self)}, indent=2) + '\n'


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder says of its preparation; None where it was not prepared by mmcd.

    Raises:
        DatasetError: the file is none of ours.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding='utf-8'))
        if content.pop('format') != FORMAT:
            raise ValueError(f'its format is not {FORMAT}')
        layout = content.pop('layout')
        for key in ('image_suffixes', 'label_suffixes'):
            layout[key] = tuple(layout[key])
        manifest = Manifest(layout=PairLayout(**layout), **content)
        _check_folders(manifest)
        return manifest
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(
            f'{path} is no manifest that this version of mmcd reads: {error}. Prepare the data set '
            'again with tools/dataset_converters/prepare.py, or remove the file.'
        ) from error


def _check_folders(manifest: Manifest) -> None:
    """Check that it names folders in its own one: those of an earlier preparation are removed.

    Raises:
        ValueError: it names another place.
    """
    layout = manifest.layout
    names = (*manifest.pairs, layout.before_dir, layout.after_dir, layout.label_dir)
    for name in names:
        if name in ('', '.', '..') or Path(name).name != name:
            raise ValueError(f'{name!r} is no name of a folder in it')


def prepared_layout(folder: Path) -> PairLayout | None:
    """How a prepared folder is read; None where it was not prepared by mmcd.

    Raises:
        DatasetError: its preparation was stopped before the end.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    if not manifest.complete:
        raise DatasetError(
            f'The preparation of {folder} was stopped before its end. Run the same command of '
            'tools/dataset_converters/prepare.py again: it goes on where it stopped.'
        )
    return manifest.layout
