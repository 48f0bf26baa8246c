"""All that one reading of a pair's three files tells."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from PIL.PngImagePlugin import PngImageFile

from mmcd.data_tools.audit.findings import Finding
from mmcd.data_tools.audit.fingerprint import fingerprint
from mmcd.data_tools.audit.moments import Moments
from mmcd.data_tools.audit.registration import Shift, estimate_shift
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.label_file import decode_label, take_single_band
from mmcd.datasets.pair_index import PairFiles
from mmcd.errors import LabelError, MMCDError
from mmcd.io.images import PNG_START, Window, missing_end, read_image, read_pair_image
from mmcd.structures import BINARY_CHANGE, ChangeClasses, ImageSpec
from mmcd.structures.change_classes import IGNORED, UNCHANGED
from mmcd.structures.sentinel2 import find_baseline_offset


def find_damage(content: bytes) -> str | None:
    """What is wrong with a file's bytes; None where nothing is, or its format is not known here."""
    if not content:
        return 'the file is empty'
    if content.startswith(PNG_START):
        try:
            # Not Image.open, which refuses what it takes for a decompression bomb.
            PngImageFile(io.BytesIO(content)).verify()  # walks the chunks and their checksums
        except Exception as error:  # of many types
            # Large texts and colour profiles are no damage, though Pillow does not unpack them.
            if 'too large' not in str(error) and 'Too much memory' not in str(error):
                return f'{error} ({len(content):,} bytes)'
    return missing_end(content)


LOSSY_SUFFIXES = ('.jpg', '.jpeg')  # whose compression leaves grey values in any label
EMPTY_SHARE = 0.5  # of an image that is black or white all over, from which on it is reported


@dataclass(frozen=True)
class PairTask:
    """A pair to inspect.

    Args:
        split: its split.
        files: its files.
        encoding: what its label values mean.
        classes: of its label.
        image: the image description of a config; None: images are taken as they are.
        area: the part of the pair that belongs to the split; None: all of it.
    """

    split: str
    files: PairFiles
    encoding: LabelEncoding
    classes: ChangeClasses = BINARY_CHANGE
    image: ImageSpec | None = None
    area: Window | None = None


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
        moments: of the pixels of both dates, scaled as the network's normalisation takes them.
        shift: of the second date against the first.
        label_counts: pixels of each label value; None where the label can't be read.
        class_counts: pixels of each class, (K,); None where the label breaks its encoding.
        image: see :class:`PairTask`.
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
    class_counts: np.ndarray | None = None
    image: ImageSpec | None = None

    @property
    def changed(self) -> int:
        """Pixels with a change of any kind; 0 where the label breaks its encoding."""
        return 0 if self.class_counts is None else int(self.class_counts[UNCHANGED + 1 :].sum())

    def find(self, check: str, path: Path, text: str) -> None:
        """Note a finding about one file."""
        self.findings.append(Finding(check, self.split, (str(path),), text))

    def forget(self) -> None:
        """Free what has been counted; what duplicates are found by stays."""
        self.findings = []
        self.moments = self.label_counts = self.shift = None


def inspect_pair(task: PairTask) -> PairRecord:
    """Read the files of a pair, each once, and note what they hold and what is wrong."""
    record = PairRecord(task.split, task.files, image=task.image)
    area = task.area
    before, after = (_read(record, path) for path in (task.files.before, task.files.after))
    label = _read_label(record, task)
    if before is not None and after is not None:
        _compare_sizes(record, before, after, label)
    before, after, label = (_part(image, area) for image in (before, after, label))
    if label is not None:
        _count_label(record, task, label)
    if before is None or after is None:
        return record
    for image, path in ((before, task.files.before), (after, task.files.after)):
        _find_empty_areas(record, image, path)
    if before.shape == after.shape:
        record.shape = before.shape
        record.dtype = str(before.dtype)
        _measure(record, before, after)
    return record


def _part(image: np.ndarray | None, area: Window | None) -> np.ndarray | None:
    return image if image is None or area is None else area.of(image)


def grey_levels(image: np.ndarray) -> np.ndarray:
    """(H, W, C) of any type to (H, W) float32 in levels of 8 bit; NaN becomes 0."""
    if image.dtype == np.uint8 and image.shape[2] == 3:
        return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    grey = image.mean(axis=2, dtype=np.float32)
    if image.dtype == np.uint8:
        return grey
    grey[~np.isfinite(grey)] = 0
    low = min(float(grey.min()), 0.0)
    return (grey - low) * (255 / max(float(grey.max()) - low, 1e-6))


def read_date(path: Path, image: ImageSpec | None) -> np.ndarray:
    """An image as the description states it; without one as the file holds it."""
    return read_image(path) if image is None else read_pair_image(path, image)


def _read(record: PairRecord, path: Path) -> np.ndarray | None:
    """An image, or None with a finding."""
    try:
        if path.is_file() and (damage := find_damage(path.read_bytes())):
            record.find('truncated', path, damage)
            return None
        return read_date(path, record.image)
    except (MMCDError, OSError) as error:
        readable = record.image is not None and _is_readable(path)
        record.find('image description' if readable else 'unreadable', path, str(error))
        return None


def _is_readable(path: Path) -> bool:
    try:
        read_image(path)
    except (MMCDError, OSError):
        return False
    return True


def _read_label(record: PairRecord, task: PairTask) -> np.ndarray | None:
    """A label's one band, or None with a finding."""
    path = task.files.label
    if not path.is_file():  # a pipe would be waited for
        record.find('unreadable', path, 'it is no file, but a folder, a pipe, or a link to nowhere')
        return None
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
        decoded = task.encoding.decode(label, str(task.files.label))
    except LabelError as error:
        record.find('label values', task.files.label, str(error))
        return
    if record.label_counts is not None and task.encoding.threshold is not None:
        values = np.flatnonzero(record.label_counts)
        if len(values) > 2 and task.files.label.suffix.lower() not in LOSSY_SUFFIXES:
            look = f'{len(values)} grey values, cut at {task.encoding.threshold}'
            record.find('grey labels', task.files.label, look)
    counts = np.bincount(decoded.ravel(), minlength=IGNORED + 1)
    record.class_counts = counts[: len(task.classes)]


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


def _find_empty_areas(record: PairRecord, image: np.ndarray, path: Path) -> None:
    """Images of one value, or mostly without data."""
    if not np.isfinite(image).all():
        share = float((~np.isfinite(image)).any(axis=2).mean())
        record.find('not a number', path, f'{share:.2%} of the pixels are NaN or infinite')
        return
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
    record.moments = _moments(before, record.image) + _moments(after, record.image)
    _look_for_offset(record, before, after)
    first, second = grey_levels(before), grey_levels(after)
    record.prints = fingerprint(first), fingerprint(second)
    if record.digests[0] == record.digests[1]:
        check = 'same dates, changed' if record.changed else 'same dates'
        record.find(check, record.files.after, f'its pixels are those of {record.files.before}')
    elif record.prints[0] is not None and record.prints[1] is not None:
        record.shift = estimate_shift(first, second)


def _look_for_offset(record: PairRecord, before: np.ndarray, after: np.ndarray) -> None:
    if before.dtype == np.uint8:
        return
    medians = [np.median(image, axis=(0, 1)) for image in (before, after)]
    if offset := find_baseline_offset(*medians):
        path = record.files.after if offset > 0 else record.files.before
        text = (
            f'its medians lie about {abs(offset)} above those of the other date in all bands, as '
            'of processing baseline 04.00 (from 2022-01-25)'
        )
        record.find('value offset', path, text)


def _moments(image: np.ndarray, spec: ImageSpec | None) -> Moments:
    """Those of the values that the data preprocessor subtracts the mean from."""
    if spec is None or spec.value_range is None:
        return Moments.of(image)
    return Moments.of(spec.scale(image.astype(np.float32)))


def _digest(image: np.ndarray) -> bytes:
    digest = hashlib.blake2b(f'{image.shape} {image.dtype}'.encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
