"""What a split holds as a whole, and what is wrong with it as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from mmcd.data_tools.audit.findings import Finding
from mmcd.data_tools.audit.inspection import PairRecord
from mmcd.data_tools.audit.moments import Moments
from mmcd.data_tools.audit.registration import CLEAR
from mmcd.structures import BINARY_CHANGE, ChangeClasses, ImageSpec
from mmcd.structures.change_classes import LIKELY_INVERTED, UNCHANGED

FAR = 4.0  # pixels of shift from which on a pair is reported
# From this ground resolution on, in metres, houses do not lean, and less of a shift is one.
COARSE, FAR_IF_COARSE = 5.0, 1.0
FEW = 6  # label values that are listed one by one


@dataclass
class SplitStatistics:
    """Sums over a split.

    Args:
        name: of the split.
        pairs: whole pairs, whatever is wrong with them.
        shapes: how often each height and width occurs.
        kinds: how often each number of bands and type occurs.
        classes: of its labels.
        image: the image description of its config; None: there is none.
        class_counts: pixels of each class, (K,).
        readable: labels that follow their encoding.
        without_change: names of pairs without a changed pixel.
        label_counts: pixels of each label value.
        shifts: of the pairs where it is clear, in pixels.
        moments: of all images, scaled as the network's normalisation takes them.
    """

    name: str
    classes: ChangeClasses = BINARY_CHANGE
    image: ImageSpec | None = None
    pairs: int = 0
    shapes: Counter[tuple[int, int]] = field(default_factory=Counter)
    kinds: Counter[tuple[int, str]] = field(default_factory=Counter)
    class_counts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    readable: int = 0
    without_change: list[str] = field(default_factory=list)
    label_counts: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    shifts: list[float] = field(default_factory=list)
    moments: Moments | None = None

    def __post_init__(self) -> None:
        self.class_counts = np.zeros(len(self.classes), np.int64)

    def add(self, record: PairRecord) -> None:
        """Count a pair."""
        self.pairs += 1
        if record.label_counts is not None:
            self.label_counts += record.label_counts
        if record.class_counts is not None:
            self.readable += 1
            self.class_counts += record.class_counts
            if not record.changed:
                self.without_change.append(record.files.name)
        if record.shape is not None:
            height, width, bands = record.shape
            self.shapes[height, width] += 1
            self.kinds[bands, record.dtype] += 1
        if record.shift is not None and record.shift.clarity >= CLEAR:
            self.shifts.append(record.shift.length)
            if record.shift.length >= _far(record.image):
                down, right = record.shift.down, record.shift.right
                text = f'the second date lies {down:+d} px down and {right:+d} px right'
                record.find('misregistered', record.files.after, text)
        if record.moments is not None:
            self._add_moments(record.moments)

    def _add_moments(self, moments: Moments) -> None:
        if self.moments is None:
            self.moments = moments
        elif self.moments.mean.shape == moments.mean.shape:
            self.moments = self.moments + moments

    @property
    def class_shares(self) -> np.ndarray:
        """Share of each class among the pixels that are not ignored; 0 where all are."""
        return self.class_counts / max(int(self.class_counts.sum()), 1)

    @property
    def share(self) -> float:
        """Share of pixels with a change of any kind."""
        return float(self.class_shares[UNCHANGED + 1 :].sum())

    def findings(self) -> list[Finding]:
        """What is wrong with the split as a whole."""
        found = []
        look = describe_values(self.label_counts)
        if self.readable and not self.share:
            text = f'{self.readable} labels without a changed pixel; they hold {look}'
            found.append(Finding('split without change', self.name, (), text))
        if self.share > LIKELY_INVERTED:
            text = f'{self.share:.1%} of the pixels are marked as changed: is it inverted?'
            found.append(Finding('inverted labels', self.name, (), text))
        bare = [
            name
            for name, count in zip(self.classes.names, self.class_counts, strict=True)
            if not count
        ]
        if bare and self.share and not self.classes.is_binary:
            text = f'no pixel of {", ".join(bare)}'
            found.append(Finding('class without pixels', self.name, (), text))
        if len(self.shapes) > 1:
            text = ', '.join(f'{count} of {h}x{w}' for (h, w), count in self.shapes.most_common(5))
            found.append(Finding('mixed sizes', self.name, (), text))
        if len(self.kinds) > 1:
            kinds = self.kinds.most_common(5)
            text = ', '.join(f'{count} of {bands} x {dtype}' for (bands, dtype), count in kinds)
            found.append(Finding('mixed bands', self.name, (), text))
        return found


def _far(image: ImageSpec | None) -> float:
    """Pixels of shift from which on a pair is reported."""
    metres = None if image is None else image.metres_per_pixel
    return FAR if metres is None or metres < COARSE else FAR_IF_COARSE


def describe_values(counts: np.ndarray) -> str:
    """What label values look like.

    Args:
        counts: pixels of each value, (256,).
    """
    values = np.flatnonzero(counts)
    if not len(values):
        return 'nothing'
    if set(values) <= {0, 1}:
        return f'{"/".join(map(str, values))}, which looks black in a viewer'
    if len(values) <= FEW:
        return '/'.join(map(str, values))
    outer = counts[:32].sum() + counts[224:].sum()
    kind = 'compression or resampling' if outer > 0.9 * counts.sum() else 'no mask of two values'
    return f'{len(values)} grey values: {kind}'
