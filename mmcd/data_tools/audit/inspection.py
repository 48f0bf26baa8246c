"""All that one reading of a pair's three files tells."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from mmcd.data_tools.audit.damage import find_damage
from mmcd.data_tools.audit.findings import Finding
from mmcd.data_tools.audit.fingerprint import fingerprint
from mmcd.data_tools.audit.moments import Moments
from mmcd.data_tools.audit.registration import Shift, estimate_shift
from mmcd.datasets.label_encoding import CHANGED, IGNORED, LabelEncoding
from mmcd.datasets.pair_index import PairFiles
from mmcd.datasets.transforms.loading import decode_label, take_single_band
from mmcd.errors import LabelError, MMCDError
from mmcd.io.images import TIFF_SUFFIXES, decode_image, read_image

EMPTY_SHARE = 0.5  # of an image that is black or white all over, from which on it is reported


@dataclass(frozen=True)
class PairTask:
    """A pair to inspect.

    Args:
        split: its split.
        files: its files.
        encoding: what its label values mean.
    """

    split: str
    files: PairFiles
    encoding: LabelEncoding


@dataclass
class PairRecord:
    """What is kept of a pair: some hundred bytes.

    Args:
        split: its split.
        files: its files.
        findings: what is wrong with it alone.
        shape: height, width and bands; None where an image can't be read.
        dtype: of its images.
        digests: of the pixels of both dates.
        prints: fingerprints of both dates; None for one that shows too little.
        moments: of the pixels of both dates.
        shift: of the second date against the first.
        label_counts: pixels of each label value; None where the label can't be read.
        changed: changed pixels; None where the label breaks its encoding.
        counted: pixels that are not ignored.
    """

    split: str
    files: PairFiles
    findings: list[Finding] = field(default_factory=list)
    shape: tuple[int, int, int] | None = None
    dtype: str = ''
    digests: tuple[bytes, bytes] | None = None
    prints: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    moments: Moments | None = None
    shift: Shift | None = None
    label_counts: np.ndarray | None = None
    changed: int | None = None
    counted: int = 0

    def find(self, check: str, path: Path, text: str) -> None:
        """Note a finding about one file."""
        self.findings.append(Finding(check, self.split, (str(path),), text))

    def forget(self) -> None:
        """Let go of what has been counted; what duplicates are found by stays."""
        self.findings = []
        self.moments = self.label_counts = self.shift = None


def inspect_pair(task: PairTask) -> PairRecord:
    """Read the files of a pair, each once, and note what they hold and what is wrong."""
    record = PairRecord(task.split, task.files)
    before = _read(record, task.files.before)
    after = _read(record, task.files.after)
    label = _read_label(record, task)
    if label is not None:
        _count_label(record, task, label)
    if before is None or after is None:
        return record
    _compare_sizes(record, before, after, label)
    for image, path in ((before, task.files.before), (after, task.files.after)):
        _look_for_nothing(record, image, path)
    if before.shape == after.shape:
        record.shape = before.shape
        record.dtype = str(before.dtype)
        _measure(record, before, after)
    return record


def grey_levels(image: np.ndarray) -> np.ndarray:
    """(H, W, C) of any type to (H, W) float32 in levels of 8 bit."""
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = image.mean(axis=2, dtype=np.float32)
    return grey if image.dtype == np.uint8 else grey * (255 / max(float(grey.max()), 1e-6))


def _read(record: PairRecord, path: Path) -> np.ndarray | None:
    """An image, or None with a finding."""
    try:
        content = path.read_bytes()
        if damage := find_damage(content):
            record.find('truncated', path, damage)
            return None
        if path.suffix.lower() in TIFF_SUFFIXES:
            return read_image(path)
        return decode_image(content, path)
    except (MMCDError, OSError) as error:
        record.find('unreadable', path, str(error))
        return None


def _read_label(record: PairRecord, task: PairTask) -> np.ndarray | None:
    """A label's one band, or None with a finding."""
    path = task.files.label
    try:
        content = path.read_bytes()
        if damage := find_damage(content):
            record.find('truncated', path, damage)
            return None
        label = decode_label(content, str(path))
    except (MMCDError, OSError) as error:
        record.find('unreadable', path, str(error))
        return None
    try:
        return take_single_band(label, str(path))
    except LabelError as error:
        record.find('label colours', path, str(error))
        return None


def _count_label(record: PairRecord, task: PairTask, label: np.ndarray) -> None:
    if label.dtype in (bool, np.uint8):
        record.label_counts = np.bincount(label.ravel(), minlength=256)
    try:
        classes = task.encoding.decode(label, str(task.files.label))
    except LabelError as error:
        record.find('label values', task.files.label, str(error))
        return
    record.changed = int(np.count_nonzero(classes == CHANGED))
    record.counted = classes.size
    if task.encoding.ignored is not None:
        record.counted -= int(np.count_nonzero(classes == IGNORED))


def _compare_sizes(
    record: PairRecord, before: np.ndarray, after: np.ndarray, label: np.ndarray | None
) -> None:
    files = record.files
    if (before.shape, before.dtype) != (after.shape, after.dtype):
        text = f'{after.shape} {after.dtype}, but its before image {before.shape} {before.dtype}'
        record.find('size mismatch', files.after, f'the after image has {text}')
    if label is not None and label.shape != before.shape[:2]:
        text = f'the label has (height, width) {label.shape}, its images {before.shape[:2]}'
        record.find('size mismatch', files.label, text)


def _look_for_nothing(record: PairRecord, image: np.ndarray, path: Path) -> None:
    """Images of one value, or mostly without data."""
    low, high = image.min(), image.max()
    if low == high:
        record.find('constant image', path, f'all pixels are {low}')
        return
    full = np.iinfo(image.dtype).max if image.dtype.kind == 'u' else None
    for value, name in ((0, 'black'), (full, 'white')):
        if value is None or not low <= value <= high:
            continue
        share = _share_of(image, value)
        if share >= EMPTY_SHARE:
            record.find('no data', path, f'{share:.0%} of the pixels are {name}')


def _share_of(image: np.ndarray, value: int) -> float:
    """Share of the pixels that have this value in all bands."""
    if image.dtype == np.uint8 and image.shape[2] == 3:
        equal = cv2.inRange(image, (value,) * 3, (value,) * 3)
        return cv2.countNonZero(equal) / equal.size
    return float((image == value).all(axis=2).mean())


def _measure(record: PairRecord, before: np.ndarray, after: np.ndarray) -> None:
    """What the images are recognised, compared and normalised by."""
    record.digests = _digest(before), _digest(after)
    record.moments = Moments.of(before) + Moments.of(after)
    first, second = grey_levels(before), grey_levels(after)
    record.prints = fingerprint(first), fingerprint(second)
    if record.digests[0] == record.digests[1]:
        changed = bool(record.changed)
        check = 'same dates, changed' if changed else 'same dates'
        record.find(check, record.files.after, f'its pixels are those of {record.files.before}')
    elif record.prints[0] is not None and record.prints[1] is not None:
        record.shift = estimate_shift(first, second)


def _digest(image: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f'{image.shape} {image.dtype}'.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
