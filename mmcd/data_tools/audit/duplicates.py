"""Finding pairs that are there twice, in any orientation, and proving it on their pixels."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.cluster.hierarchy import DisjointSet

from mmcd.data_tools.audit.findings import Finding
from mmcd.data_tools.audit.fingerprint import (
    ALIKE,
    ORIENTATIONS,
    best_orientation,
    blind,
    orient,
)
from mmcd.data_tools.audit.inspection import PairRecord, grey_levels, read_date

BLOCK = 256  # rows of the comparison of all with all that are in memory at a time
THUMBNAIL = 128  # its side
KEPT = 512  # reduced images in memory: 32 MB
DETAIL = 3.0  # pixels: coarser than this, empty land of different places looks alike
SAME_DETAIL = 0.7  # correlation of detail; JPEG of quality 30 leaves over 0.9
LEAST_DETAIL = 0.5  # grey levels, below which detail is noise
NEARLY = 3.0  # grey levels that two nearly equal images differ by on average


def find_duplicates(records: Sequence[PairRecord]) -> list[Finding]:
    """Leaks between splits, duplicates within one, and images that two pairs share.

    Args:
        records: in order of their splits: of a leak, the later split is the one leaked into.
    """
    pairs, images = DisjointSet(range(len(records))), DisjointSet(range(2 * len(records)))
    thumbnails = ThumbnailCache(records)
    shared: list[Finding] = []
    for first, second, orientation in _candidates(records):
        numbers = [2 * image.pair + image.date for image in (first, second)]
        if pairs.connected(first.pair, second.pair) or images.connected(*numbers):
            continue
        if not thumbnails.same_image(first, second, orientation):
            continue
        others = Image(first.pair, 1 - first.date), Image(second.pair, 1 - second.date)
        if thumbnails.nearly_equal(*others, orientation):
            pairs.merge(first.pair, second.pair)
        else:
            images.merge(*numbers)
            shared.append(_describe_shared(records, first, second))
    groups = sorted(sorted(group) for group in pairs.subsets())
    return [f for group in groups for f in _describe_group(records, group)] + shared


def _candidates(records: Sequence[PairRecord]) -> Iterator[tuple[Image, Image, int]]:
    """Images of different pairs that are equal, then those that look alike in some orientation."""
    images = [
        Image(number, date)
        for number, record in enumerate(records)
        for date in (0, 1)
        if record.digests and record.prints[date] is not None
    ]
    latest: dict[bytes, Image] = {}
    unique = []
    for image in images:
        digest = (records[image.pair].digests or (b'', b''))[image.date]
        if digest in latest:
            if latest[digest].pair != image.pair:
                yield latest[digest], image, 0
        else:
            unique.append(image)
        latest[digest] = image
    if unique:
        yield from _lookalikes(records, unique)


def _lookalikes(
    records: Sequence[PairRecord], images: Sequence[Image]
) -> Iterator[tuple[Image, Image, int]]:
    prints = np.array([records[image.pair].prints[image.date] for image in images], np.float32)
    blinded = blind(prints)
    for start in range(0, len(images), BLOCK):
        block = blinded[start : start + BLOCK]
        # Only later ones: each two are compared once.
        rows, columns = np.nonzero(block @ blinded[start:].T >= ALIKE)
        for row, column in zip(rows[columns > rows], columns[columns > rows], strict=True):
            first, second = start + int(row), start + int(column)
            if images[first].pair == images[second].pair:
                continue
            orientation, likeness = best_orientation(prints[first], prints[second])
            if likeness >= ALIKE:
                yield images[first], images[second], orientation


def _describe_group(records: Sequence[PairRecord], group: Sequence[int]) -> Iterator[Finding]:
    """A leak for each pair beyond the group's first split, a duplicate for others beyond one."""
    firsts: dict[str, int] = {}
    for number in group:
        record = records[number]
        if record.split != records[group[0]].split:
            yield _describe(records, 'leak', group[0], number)
        elif record.split in firsts:
            yield _describe(records, 'duplicate', firsts[record.split], number)
        firsts.setdefault(record.split, number)


def _describe(records: Sequence[PairRecord], check: str, home: int, number: int) -> Finding:
    first, second = records[home], records[number]
    split = first.split if check == 'duplicate' else f'{first.split}/{second.split}'
    text = f'the same pair {_how(first, second)}'
    return Finding(check, split, (str(first.files.before), str(second.files.before)), text)


def _how(first: PairRecord, second: PairRecord) -> str:
    """Orientation and date order that map the first pair to the second."""
    best = (-1.0, 0, False)
    for date, image in enumerate(first.prints):
        for other, picture in enumerate(second.prints):
            if image is not None and picture is not None:
                orientation, likeness = best_orientation(picture, image)
                # A little for order, so that rounding does not exchange equal dates.
                best = max(best, (likeness - 0.01 * (date != other), orientation, date != other))
    return ORIENTATIONS[best[1]] + (', dates exchanged' if best[2] else '')


def _describe_shared(records: Sequence[PairRecord], first: Image, second: Image) -> Finding:
    owners = records[first.pair], records[second.pair]
    paths = tuple(
        str((owner.files.before, owner.files.after)[image.date])
        for owner, image in zip(owners, (first, second), strict=True)
    )
    names = dict.fromkeys(owner.split for owner in owners)  # once each, in order
    one, other = (o.prints[i.date] for o, i in zip(owners, (first, second), strict=True))
    how = '' if one is None or other is None else ORIENTATIONS[best_orientation(other, one)[0]]
    return Finding('image reused', '/'.join(names), paths, f'the same image {how}, in another pair')


@dataclass(frozen=True)
class Image:
    """One date (0 or 1) of one pair, by its number among the records."""

    pair: int
    date: int


class ThumbnailCache:
    """Reduced images of pairs.

    Args:
        records: the pairs, whose files are read when they are needed.
    """

    def __init__(self, records: Sequence[PairRecord]) -> None:
        self._records = records
        self._read = functools.lru_cache(KEPT)(self._read_reduced)

    def same_image(self, first: Image, second: Image, orientation: int) -> bool:
        """Whether two images show the same, by their detail; equal pixels are the same anyway.

        Args:
            first: one image.
            second: another.
            orientation: that of the second one.
        """
        pictures = self._both(first, second, orientation)
        if np.array_equal(*pictures):
            return True
        details = [picture - cv2.GaussianBlur(picture, (0, 0), DETAIL) for picture in pictures]
        spreads = [float(detail.std()) for detail in details]
        if min(spreads) < LEAST_DETAIL:
            return False
        product = float((details[0] * details[1]).mean() - details[0].mean() * details[1].mean())
        return product / (spreads[0] * spreads[1]) >= SAME_DETAIL

    def nearly_equal(self, first: Image, second: Image, orientation: int) -> bool:
        """Whether two images are the same, or so empty that nothing tells them apart."""
        if self.same_image(first, second, orientation):
            return True
        one, other = self._both(first, second, orientation)
        return float(np.abs(one - other).mean()) <= NEARLY

    def _both(self, first: Image, second: Image, orientation: int) -> tuple[np.ndarray, np.ndarray]:
        other = orient(self._read(second), orientation)
        return self._read(first), np.ascontiguousarray(other)

    def _read_reduced(self, image: Image) -> np.ndarray:
        record = self._records[image.pair]
        path = (record.files.before, record.files.after)[image.date]
        grey = grey_levels(read_date(path, record.image))
        return cv2.resize(grey, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
