"""The classes of a change map: names, colours, label values, and how scores become classes."""

from __future__ import annotations

import colorsys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mmcd.errors import ConfigError

# Class indices that do not depend on what is told apart: index 0 is always "unchanged".
UNCHANGED = 0
IGNORED = 255
MOST_CLASSES = 250
LIKELY_INVERTED = 0.5  # share of changed pixels of a split above which its labels likely are

Scores = TypeVar('Scores', np.ndarray, Tensor)


@dataclass(frozen=True)
class ChangeClasses:
    """Class 0 is unchanged; the others are kinds of change. Binary change is K = 2.

    From a data set's METAINFO (``classes`` and ``palette``); loss, metric, test-time augmentation,
    pictures, scenes and exported files read it.

    Args:
        names: of the K classes, such as ('unchanged', 'changed').
        palette: a colour (red, green, blue) for each, 0 to 255.

    Raises:
        ConfigError: fewer than two classes, or another number of colours.
    """

    names: tuple[str, ...] = ('unchanged', 'changed')
    palette: tuple[tuple[int, ...], ...] = ((0, 0, 0), (230, 25, 75))

    def __post_init__(self) -> None:
        object.__setattr__(self, 'names', tuple(self.names))
        object.__setattr__(self, 'palette', tuple(tuple(colour) for colour in self.palette))
        if not 2 <= len(self.names) <= MOST_CLASSES or len(self.palette) != len(self.names):
            raise ConfigError(
                f'A change map has from 2 to {MOST_CLASSES} classes, the first of them for '
                f'unchanged pixels, and a colour for each; got the names {list(self.names)} and '
                f'{len(self.palette)} colours.'
            )

    @classmethod
    def from_meta(cls, meta: Mapping[str, Any] | None) -> ChangeClasses:
        """From a data set's METAINFO, or what a checkpoint holds of it; None: binary change."""
        if not meta or 'classes' not in meta:
            return cls()
        names = tuple(meta['classes'])
        palette = meta.get('palette') or default_palette(len(names))
        return cls(names, tuple(map(tuple, palette)))

    @classmethod
    def of_number(cls, number: int) -> ChangeClasses:
        """K classes of which nothing but their number is known."""
        if number == 2:
            return cls()
        names = ('unchanged', *(f'change_{index}' for index in range(1, number)))
        return cls(names, tuple(default_palette(number)))

    def to_meta(self) -> dict[str, Any]:
        """As a METAINFO of plain values."""
        return dict(classes=self.names, palette=[list(colour) for colour in self.palette])

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_binary(self) -> bool:
        """Whether changed is told from unchanged, and nothing else."""
        return len(self) == 2

    @property
    def label_values(self) -> tuple[int, ...]:
        """The values of written masks, one a class: 0 and 255 for two, else the indices."""
        return (0, 255) if self.is_binary else tuple(range(len(self)))

    def decide(self, scores: Scores, threshold: float, *, axis: int = 0) -> Scores:
        """From class scores to class indices.

        A pixel is changed where the scores of all kinds of change together exceed the threshold;
        it then is of the kind that scores highest.

        Args:
            scores: probabilities that sum to one along ``axis``, which has K entries.
            threshold: from 0 to 1.
            axis: of the classes.

        Shape:
            such as (K, H, W) to (H, W), of int64 (tensors) or uint8 (arrays).
        """
        first: Any = np.moveaxis if isinstance(scores, np.ndarray) else torch.movedim
        return self.decide_kinds(first(scores, axis, 0)[UNCHANGED + 1 :], threshold)

    def decide_kinds(self, kinds: Scores, threshold: float) -> Scores:
        """:meth:`decide` from the scores of the kinds of change alone, (K - 1, H, W)."""
        indices: Any = self.change_of(kinds) > threshold
        if not self.is_binary:
            indices = indices * (kinds.argmax(0) + UNCHANGED + 1)
        return indices.astype(np.uint8) if isinstance(kinds, np.ndarray) else indices.long()

    def change_of(self, kinds: Scores) -> Scores:
        """The probability of any change, (...), from those of its kinds, (K - 1, ...)."""
        return kinds[0] if self.is_binary else kinds.sum(0)


def default_palette(number: int) -> list[tuple[int, ...]]:
    """Black for unchanged, red for binary change, else colours around the colour wheel."""
    if number == 2:
        return [(0, 0, 0), (230, 25, 75)]
    hues = [colorsys.hsv_to_rgb(index / max(number - 1, 1), 0.75, 0.95) for index in range(number)]
    colours = [tuple(round(255 * part) for part in hue) for hue in hues[: number - 1]]
    return [(0, 0, 0), *colours]


BINARY_CHANGE = ChangeClasses()
