"""What one image of a scored split contributes: its counts, and which files they are of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from os import PathLike
from pathlib import PurePath

import numpy as np

from mmcd.errors import ConfigError

# The names of crops, here (mmcd.data_tools.prepare) and in the published 256 x 256 editions:
# scene_row_column of the first pixel. Fewer digits are numbers of images, more are dates.
CROP_NAME = r'(.+)_\d{4,6}_\d{4,6}'


@dataclass(frozen=True)
class ImageResult:
    """The counts of one image; what a whole split scores is made from the sums of these.

    Args:
        name: of the image, without folder and ending.
        label_sha256: hash of the decoded label, see :func:`hash_label`.
        counts: arrays that add up over images, by name; always ``confusion``, (K, K) pixels of each
            class of the label (rows) and the prediction.
        before: file of the first date; '' where it is not known.
        after: file of the second date.
        label: file of the label.
        prediction: file of the mask, where it was read from one.
    """

    name: str
    label_sha256: str
    counts: dict[str, np.ndarray] = field(repr=False)
    before: str = ''
    after: str = ''
    label: str = ''
    prediction: str = ''

    @property
    def confusion(self) -> np.ndarray:
        """(K, K) int64."""
        return self.counts['confusion']


def hash_label(label: np.ndarray) -> str:
    """A hash of a label's size and classes, whatever its file's format, encoding and place.

    Shape:
        (H, W) of class indices and 255 (ignored).
    """
    digest = hashlib.sha256(repr(label.shape).encode())
    digest.update(np.ascontiguousarray(label, dtype=np.uint8).data)
    return digest.hexdigest()


def hash_labels(images: Sequence[ImageResult]) -> str:
    """A hash of all labels that were scored, in the order of their names."""
    lines = sorted(f'{image.name}\t{image.label_sha256}' for image in images)
    return _hash_lines(lines)


def hash_file_list(images: Sequence[ImageResult]) -> str:
    """A hash of the files' names, which are relative to their data set's folder, in their order."""
    return hash_files((image.before, image.after, image.label) for image in images)


def hash_files(files: Iterable[Sequence[str]]) -> str:
    """:func:`hash_file_list` of (before, after, label), relative to their data set's folder."""
    return _hash_lines(sorted('\t'.join(each) for each in files))


def _hash_lines(lines: Sequence[str]) -> str:
    # Names that are no UTF-8, as old archives have them, are hashed as the bytes that they are.
    return hashlib.sha256('\n'.join(lines).encode('utf-8', 'surrogateescape')).hexdigest()


def source_namer(pattern: str | None = None) -> Callable[[str], str]:
    """A function from an image's name to that of the larger image which it was cut from.

    Args:
        pattern: a regular expression for whole names, the first group of which is the larger
            image's name; None: that of crops named SCENE_ROW_COLUMN, with four digits or more.
            Other names are of images that are none's crop.

    Raises:
        ConfigError: it is no regular expression, or has no group.

    Example:
        >>> source_namer()('train_386_0512_0768')
        'train_386'
    """
    try:
        crop = re.compile(CROP_NAME if pattern is None else pattern)
    except re.error as error:
        raise ConfigError(f'{pattern!r} is no regular expression: {error}.') from error
    if not crop.groups:
        raise ConfigError(
            f'The pattern {pattern!r} has no group in parentheses, which should match the name of '
            r"the larger image, such as '(.+)_\d+'."
        )

    def name_source(name: str) -> str:
        found = crop.fullmatch(name)
        return found[1] if found and found[1] else name

    return name_source


def with_unique_names(images: Sequence[ImageResult]) -> list[ImageResult]:
    """Images of which no two share a name.

    Where files of one name lie in several folders, such as ``city_1/before.png`` and
    ``city_2/before.png``, they are named by their paths; without files, by number.
    """
    if len({image.name for image in images if image.name}) == len(images):
        return list(images)
    paths = [
        PurePath(image.before).with_suffix('').as_posix() if image.before else ''
        for image in images
    ]
    if len(set(paths)) < len(images) or '' in paths:
        paths = [f'image_{number}' for number in range(len(images))]
    return [replace(image, name=path) for image, path in zip(images, paths, strict=True)]


def relative_to(root: str | PathLike[str], path: str) -> str:
    """A file's name relative to a folder, with forward slashes; of another place, as it is."""
    if not path:
        return ''
    try:
        return PurePath(path).relative_to(root).as_posix()
    except ValueError:
        return PurePath(path).as_posix()
