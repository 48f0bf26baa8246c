"""Finding the files of a split and checking that every pair is whole."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmcd.errors import DatasetError, DatasetNotFoundError, listed


@dataclass(frozen=True)
class PairFolder:
    """One of the three folders of a split.

    Args:
        role: 'before', 'after' or 'label'.
        path: the folder.
        suffixes: endings of its files, in lower case, with the dot.
    """

    role: str
    path: Path
    suffixes: tuple[str, ...]


@dataclass(frozen=True)
class PairFiles:
    """The files of one pair, and its name.

    Args:
        name: what the three files share, without their endings.
        before: file of the first date.
        after: file of the second date.
        label: file of the label.
        label_after: where labels are footprints of both dates, those of the second one.
        split: the split that a table puts the pair into; None: it says none.
    """

    name: str
    before: Path
    after: Path
    label: Path
    label_after: Path | None = None
    split: str | None = None

    def by_role(self) -> dict[str, Path]:
        """The files under what they are."""
        files = dict(before=self.before, after=self.after, label=self.label)
        return files if self.label_after is None else {**files, 'label_after': self.label_after}


def index_pairs(
    folders: Sequence[PairFolder], names: Sequence[str] | None = None, layout: str = ''
) -> list[PairFiles]:
    """List a split's pairs in order of their names, and check that none is broken.

    Args:
        folders: those of before, after and label, in this order.
        names: only these pairs, in this order (a list file); endings are left off. Default: all.
        layout: the expected tree, for errors.

    Raises:
        DatasetNotFoundError: a folder is absent or holds no file of its endings, or files are
            missing; all of them are named, up to 20.
        DatasetError: two files of one folder share a name, or an after image or a label is left
            over alone, or ``names`` has a pair twice.
    """
    found = [_list_folder(folder, layout) for folder in folders]
    if names is None:
        every = sorted(set().union(*found))
        left_over = {name for name in every if _is_left_over(name, found)}
    else:
        every, left_over = strip_endings(names, folders), set()
    paired = [name for name in every if name not in left_over]
    _check_whole(paired, sorted(left_over), folders, found)
    before, after, label = found
    return [PairFiles(name, before[name], after[name], label[name]) for name in paired]


def read_list_file(path: Path) -> list[str]:
    """The names in a list file: one a line; blank lines and lines after '#' are skipped.

    Raises:
        DatasetNotFoundError: there is no such file.
        DatasetError: it is not text in UTF-8, or names nothing, or a name twice.
    """
    if not path.is_file():
        raise DatasetNotFoundError(
            f'No such list file: {path}. It should name one pair a line, such as train_1.png.'
        )
    text = read_text(path, f'The list file {path}', 'It should name one pair a line.')
    lines = (line.split('#')[0].strip() for line in text.splitlines())
    names = [line for line in lines if line]
    if not names:
        raise DatasetError(f'The list file {path} names no pair.')
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise DatasetError(f'The list file {path} names pairs twice:\n{listed(twice)}')
    return names


def read_text(path: Path, name: str, advice: str) -> str:
    """The text of a file that lists things.

    Args:
        path: the file.
        name: what messages call it.
        advice: a sentence that says what it should hold.

    Raises:
        DatasetError: it is not text in UTF-8.
    """
    try:
        return path.read_text(encoding='utf-8-sig')
    except UnicodeDecodeError as error:
        raise DatasetError(f'{name} is no text in UTF-8: {error}. {advice}') from error


def _list_folder(folder: PairFolder, layout: str) -> dict[str, Path]:
    """Files of one folder by their names without ending."""
    if not folder.path.is_dir():
        raise DatasetNotFoundError(
            f'No such folder: {folder.path} (the {folder.role} images).\n{layout}'
        )
    files: dict[str, Path] = {}
    twice = []
    for entry in os.scandir(folder.path):
        path = folder.path / entry.name
        if path.name.startswith('.') or path.suffix.lower() not in folder.suffixes:
            continue
        if not _is_file(entry):
            continue
        if path.stem in files:
            twice.append(f'{files[path.stem].name} and {path.name}')
        files[path.stem] = path
    if twice:
        raise DatasetError(
            f'Files of one name in {folder.path}; which one is meant?\n{listed(twice)}'
        )
    if not files:
        raise DatasetNotFoundError(
            f'No {" or ".join(folder.suffixes)} file in {folder.path} '
            f'(the {folder.role} images).\n{layout}'
        )
    return files


def _is_file(entry: os.DirEntry) -> bool:
    """False also for a link to nowhere or to itself, and for a pipe, which would be waited for."""
    try:
        return entry.is_file()
    except OSError:
        return False


def _is_left_over(name: str, found: Sequence[dict[str, Path]]) -> bool:
    """Whether this is an orphan: an after image or a label without either of the other files."""
    before, after, label = (name in files for files in found)
    return not before and after != label


def _check_whole(
    paired: Sequence[str],
    left_over: Sequence[str],
    folders: Sequence[PairFolder],
    found: Sequence[dict[str, Path]],
) -> None:
    """Say all that is missing and left over at once."""
    missing = [
        f'{folder.role}: {folder.path / name}{_endings(folder)}'
        for name in paired
        for folder, files in zip(folders, found, strict=True)
        if name not in files
    ]
    alone = [
        f'{folder.role}: {files[name]}'
        for name in left_over
        for folder, files in zip(folders, found, strict=True)
        if name in files
    ]
    parts = []
    if missing:
        parts.append(
            f'{len(missing)} file(s) of {len(paired)} pairs are missing:\n{listed(missing)}'
        )
    if alone:
        parts.append(f'{len(alone)} file(s) are left over, without images:\n{listed(alone)}')
    if parts:
        parts.append(
            'Every pair needs a before, an after and a label file under one name. Restore or '
            'remove files, or name the whole pairs in a list file. Files whose names differ are '
            'paired by `pairs`, a table or patterns (docs/own_data.md).'
        )
        kind = DatasetNotFoundError if missing else DatasetError
        raise kind('\n'.join(parts))


def strip_endings(names: Iterable[str], folders: Sequence[PairFolder]) -> list[str]:
    """Names as in the folders: a listed name may carry any of the endings.

    Raises:
        DatasetError: a name is listed twice, such as with its ending and without.
    """
    endings = {suffix for folder in folders for suffix in folder.suffixes}
    bare = [str(Path(n).with_suffix('')) if Path(n).suffix.lower() in endings else n for n in names]
    twice = [name for name, count in Counter(bare).items() if count > 1]
    if twice:
        raise DatasetError(
            'Pairs are listed twice, with different endings or with and without one; leave one '
            f'line for each:\n{listed(twice)}'
        )
    return bare


def _endings(folder: PairFolder) -> str:
    return folder.suffixes[0] if len(folder.suffixes) == 1 else f'{{{",".join(folder.suffixes)}}}'
