"""Masks on disk of any method, and the labels that they are scored against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from mmcd.datasets.bitemporal import BitemporalDataset
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.label_file import decode_label, label_image, take_single_band
from mmcd.datasets.layout import ANY_SUFFIX
from mmcd.datasets.transforms.loading import read_single_band
from mmcd.errors import (
    ConfigError,
    DatasetError,
    DatasetNotFoundError,
    ImagePairError,
    LabelError,
    listed,
)
from mmcd.evaluation.confusion import count_classes
from mmcd.evaluation.detail import Detail, count_scores
from mmcd.evaluation.image_result import ImageResult, hash_label
from mmcd.io.images import TIFF_SUFFIXES, Window, open_image, read_header
from mmcd.registry import DATASETS
from mmcd.structures import ChangeClasses

ONES = frozenset({0, 1})
FULL = frozenset({0, 255})


@dataclass(frozen=True)
class MaskPair:
    """A mask and its label, under the label's name without ending, relative to its folder."""

    name: str
    prediction: Path
    label: Path


def index_masks(
    predictions: Path, labels: Path, names: Sequence[str] | None = None
) -> list[MaskPair]:
    """Match the files of two folders by their names, whatever their endings.

    All names of the masks may have one thing more in front or behind, such as ``_pred``.

    Args:
        predictions: folder of the masks.
        labels: folder of the labels.
        names: score only these; None: all.

    Raises:
        DatasetNotFoundError: a folder is not there or holds no image, or masks are missing.
        DatasetError: masks are left over, or files share a name.
    """
    found, wanted = list_images(predictions), list_images(labels)
    others: set[str] = set()
    if names is not None:
        asked = {Path(n).with_suffix('').as_posix() if _is_image(n) else n for n in names}
        absent = sorted(asked - wanted.keys())
        if absent:
            raise DatasetNotFoundError(
                f'{len(absent)} of the names to score have no label in {labels}:\n{listed(absent)}'
            )
        others = wanted.keys() - asked
        wanted = {name: path for name, path in wanted.items() if name in asked}
    front, behind = _affixes(found, wanted, others)
    if names is not None:
        scored = {front + name + behind for name in wanted}
        found = {name: path for name, path in found.items() if name in scored}
    missing = [name for name in sorted(wanted) if front + name + behind not in found]
    left_over = sorted(found.keys() - {front + name + behind for name in wanted})
    parts = []
    if missing:
        parts.append(
            f'{len(missing)} of {len(wanted)} labels have no mask in {predictions}:\n'
            f'{listed(missing)}'
        )
    if left_over:
        parts.append(
            f'{len(left_over)} masks have no label in {labels}:\n'
            f'{listed([str(found[name]) for name in left_over])}'
        )
    if parts:
        parts.append(
            'Every label needs a mask of its name, whatever its ending. A list file names the '
            'images to score where they are only some.'
        )
        kind = DatasetNotFoundError if missing else DatasetError
        raise kind('\n'.join(parts))
    return [MaskPair(n, found[front + n + behind], wanted[n]) for n in sorted(wanted)]


def list_images(folder: Path) -> dict[str, Path]:
    """The images in a folder and those within it, by their relative names without ending.

    Raises:
        DatasetNotFoundError: there is no such folder, or it holds no image.
        DatasetError: two files share a name.
    """
    if not folder.is_dir():
        raise DatasetNotFoundError(f'No such folder: {folder} (from {Path.cwd()}).')
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob('*')):
        if not _is_image(path.name) or any(
            part.startswith('.') for part in path.relative_to(folder).parts
        ):
            continue
        name = path.relative_to(folder).with_suffix('').as_posix()
        if name in files:
            raise DatasetError(
                f'{files[name]} and {path} share a name; which one is meant? Move one away.'
            )
        files[name] = path
    if not files:
        raise DatasetNotFoundError(f'No image ({", ".join(ANY_SUFFIX)}) in {folder}.')
    return files


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in ANY_SUFFIX


def _affixes(
    found: Mapping[str, Path], wanted: Mapping[str, Path], others: Set[str]
) -> tuple[str, str]:
    """What all masks' names have in front of and behind a label's name; ('', '') where they differ.

    Of several that fit, the shortest. ``others`` are the labels that are not scored: a mask
    '10_pred' belongs to '10' among them, not to '1'.
    """
    if found.keys() & wanted.keys():
        return '', ''
    first = min(wanted)
    longer = [other for other in others if first in other]
    fitting = []
    for name in found:
        if any(other in name for other in longer):
            continue
        start = name.find(first)
        while start >= 0:
            front, behind = name[:start], name[start + len(first) :]
            if {front + other + behind for other in wanted} <= found.keys():
                fitting.append((len(front + behind), front, behind))
            start = name.find(first, start + 1)
    return min(fitting)[1:] if fitting else ('', '')


def check_sizes(pairs: Sequence[MaskPair]) -> None:
    """Compare the sizes of masks and labels by their headers.

    Raises:
        ImagePairError: they differ; the pairs are named, up to 20.
    """
    wrong = []
    for pair in pairs:
        mask, label = read_header(pair.prediction), read_header(pair.label)
        sizes = [(header.height, header.width) for header in (mask, label)]
        if sizes[0] != sizes[1]:
            wrong.append(f'{pair.prediction} has {sizes[0]}, {pair.label} has {sizes[1]}')
    if wrong:
        raise ImagePairError(
            f'{len(wrong)} masks differ in size (height, width) from their labels:\n'
            f'{listed(wrong)}\nBring each mask to the size of its label; nothing is resized here.'
        )


def find_dataset(name: str) -> type[BitemporalDataset]:
    """A published data set by its name, such as 'levir-cd', 'LEVIR' or 'LEVIRCDDataset'.

    Raises:
        ConfigError: there is no such data set.
    """
    kinds = {
        kind: _plain_name(kind.__name__)
        for kind in DATASETS.module_dict.values()
        if isinstance(kind, type) and issubclass(kind, BitemporalDataset)
    }
    for kind, plain in kinds.items():
        if plain == _plain_name(name):
            return kind
    known = ', '.join(sorted(kind.__name__.removesuffix('Dataset') for kind in kinds))
    raise ConfigError(f'No such data set: {name}. There are {known}.')


def _plain_name(name: str) -> str:
    letters = ''.join(letter for letter in name.lower() if letter.isalnum())
    return letters.removesuffix('dataset').removesuffix('cd')


def find_label_encoding(pairs: Sequence[MaskPair]) -> dict[str, int]:
    """The encoding of binary labels that hold 0 and 255, or 0 and 1, by the first with change.

    The others are then read strictly by it.

    Raises:
        LabelError: that label holds other values.
    """
    for pair in pairs:
        label = read_label(pair.label)
        values = frozenset(np.unique(label).tolist())
        if values <= {0}:
            continue
        encoding = encoding_of_values(values)
        if encoding is not None:
            return encoding
        some = ', '.join(map(str, sorted(values)[:10])) + (', ...' if len(values) > 10 else '')
        raise LabelError(
            f'What the values of the labels mean is not clear: {pair.label} holds {some}, neither '
            '0 and 255 nor 0 and 1. State it: --label-encoding unchanged=0 changed=255 '
            'ignored=128, --label-encoding threshold=127 for lossy files, or --dataset NAME.'
        )
    return dict(unchanged=0, changed=255)


def encoding_of_values(values: Set[int]) -> dict[str, int] | None:
    """The encoding of a binary label by the values that it holds; None where they are others."""
    if values <= ONES or values <= FULL:
        return dict(unchanged=0, changed=1 if values <= ONES else 255)
    return None


def read_label(path: Path) -> np.ndarray:
    """A label's values as a data set reads them, and of forms that training does not take.

    These are TIFF files that only rasterio reads, and whole numbers of 8 bit that are stored in a
    wider type.

    Raises:
        LabelError: it can't be decoded, or is coloured.
    """
    try:
        label = read_single_band(str(path))
    except LabelError:
        if path.suffix.lower() not in TIFF_SUFFIXES:
            raise
        label = read_values(path)
    return as_bytes(label)


def as_bytes(label: np.ndarray) -> np.ndarray:
    """A label whose values are whole numbers of 8 bit as such; others as they are."""
    if label.dtype not in (bool, np.uint8) and label.size:
        whole = np.nan_to_num(label, nan=-1.0)
        if whole.min() >= 0 and whole.max() <= 255 and (whole % 1 == 0).all():
            return label.astype(np.uint8)
    return label


def read_values(path: Path) -> np.ndarray:
    """A mask or a probability map as it is in its file, (H, W) of bool, integers or floats.

    Bands that repeat one another are one; so is one colour on black. An alpha channel that tells
    nothing more is left off.

    Raises:
        LabelError: it can't be decoded, is coloured, or alpha or palette say other than the values.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return take_single_band(decode_label(path.read_bytes(), str(path)), str(path))
    with open_image(path) as image:  # what Pillow reads and what only rasterio does
        pixels = image.read(Window(0, 0, image.height, image.width))
        return take_single_band(label_image(pixels, image, str(path)), str(path))


class MaskReader:
    """Reads masks and probability maps of one folder, which all have one scale.

    Masks hold 0 and 1, or 0 and 255; grey levels are probabilities from 0 to 255 (65,535 of
    16 bit), floats from 0 to 1. Without an encoding, the largest value of all files decides.

    Args:
        paths: of all files.
        encoding: of class indices, or None: binary change, masks or probabilities.
    """

    def __init__(self, paths: Sequence[Path], encoding: LabelEncoding | None = None) -> None:
        self.encoding = encoding
        self.scale = 1 if encoding else _find_scale(paths)
        self._ones: Path | None = None  # the first file of 0 and 1 only
        self._full: Path | None = None  # the first of 0 and 255 only
        self.has_levels = False  # whether other values than two were met so far

    def read(self, path: Path) -> np.ndarray:
        """Class indices (H, W) uint8, or probabilities of change (H, W) float32.

        Raises:
            LabelError: values outside the encoding, or that are no probabilities.
        """
        values = read_values(path)
        if self.encoding is not None:
            return self.encoding.decode(values, str(path))
        if values.dtype.kind == 'b':
            return values.astype(np.float32)
        if values.size and not (np.isfinite(values).all() and values.min() >= 0):
            raise LabelError(f'The mask {path} holds NaN, infinite or negative values.')
        if values.dtype.kind == 'f' and values.size and values.max() > 1:
            raise LabelError(
                f'The mask {path} holds {values.max():g}, where floats should be probabilities '
                'from 0 to 1. Logits go through a sigmoid first.'
            )
        self._note(path, values)
        scale = 1 if values.dtype.kind == 'f' else self.scale
        return (values / np.float32(scale)).astype(np.float32)

    def describe(self) -> str:
        """What the values of the masks were taken for."""
        if self.encoding is not None:
            return str(self.encoding)
        kind = 'probabilities' if self.has_levels else 'masks'
        return f'{kind}, 0 to {self.scale}'

    def _note(self, path: Path, values: np.ndarray) -> None:
        """Look for masks of 0 and 1 among masks of 0 and 255, whose ones would count as nothing."""
        if values.dtype.kind == 'f' or not values.size:
            self.has_levels |= bool(((values > 0) & (values < 1)).any())
            return
        top = int(values.max())
        self.has_levels |= bool(((values > 0) & (values < min(top, self.scale))).any())
        if top == 1:
            self._ones = self._ones or path
        elif top == self.scale:
            self._full = self._full or path
        if self.scale > 1 and self._ones and self._full and not self.has_levels:
            raise LabelError(
                f'Is 1 or {self.scale} change? {self._ones} holds 0 and 1, {self._full} holds 0 '
                f'and {self.scale}. Convert the masks to one of the two.'
            )


def _find_scale(paths: Sequence[Path]) -> int:
    """What stands for a probability of one in files of integers."""
    for path in paths:
        values = read_values(path)
        if values.dtype.kind in 'iu' and values.size and (top := int(values.max())) > 1:
            return 255 if values.dtype.itemsize == 1 else _wide_scale(paths, top)
    return 1


def _wide_scale(paths: Sequence[Path], top: int) -> int:
    """Files of 16 bit or more may hold what 8 bit would have been enough for."""
    for path in paths:
        if top > 255:
            break
        values = read_values(path)
        if values.dtype.kind in 'iu' and values.size:
            top = max(top, int(values.max()))
    return 255 if top <= 255 else 65_535


def score_masks(
    pairs: Iterable[MaskPair],
    reader: MaskReader,
    label_encoding: LabelEncoding,
    classes: ChangeClasses,
    *,
    threshold: float = 0.5,
    detail: Detail | None = None,
    metres_per_pixel: float | None = None,
) -> list[ImageResult]:
    """Every image's counts; files' names are as they are given.

    Curves are of probabilities: where all masks hold two values only, there are none.

    Args:
        pairs: what to score.
        reader: of the masks.
        label_encoding: what the labels' values mean.
        classes: of both.
        threshold: of probability maps: changed where greater.
        detail: how objects and boundaries are counted; None: they are not.
        metres_per_pixel: the ground resolution.

    Raises:
        LabelError: a file holds other values.
        ImagePairError: a mask does not have its label's size.
    """
    images = []
    for pair in pairs:
        label = label_encoding.decode(read_label(pair.label), str(pair.label))
        found = reader.read(pair.prediction)
        if found.shape != label.shape:
            raise ImagePairError(
                f'{pair.prediction} is {found.shape}, not {label.shape} as its label {pair.label}.'
            )
        mask = found if reader.encoding else (found > np.float32(threshold)).astype(np.uint8)
        tensors = torch.from_numpy(mask), torch.from_numpy(label)
        counts = dict(confusion=count_classes(*tensors, len(classes)))
        if detail is not None:
            tolerance = detail.tolerance(metres_per_pixel)
            counts |= detail.count_masks(mask, label, classes, tolerance)
            if not reader.encoding:
                changed = torch.from_numpy(found)
                counts |= count_scores(torch.stack([1 - changed, changed]), *tensors, classes)
        files = dict(label=str(pair.label), prediction=str(pair.prediction))
        images.append(ImageResult(pair.name, hash_label(label), counts, **files))
    if not reader.has_levels:
        for image in images:
            image.counts.pop('probabilities', None)
            image.counts.pop('calibration', None)
    return images
