"""What the values of a label file mean, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmcd.errors import ConfigError, LabelError
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED, UNCHANGED

_INVALID = 254  # marks values outside the encoding in the look-up table; no class has this index
NO_CLASS = ('ignored', 'threshold')  # keys of an encoding that are not the name of a class


@dataclass(frozen=True, init=False)
class LabelEncoding:
    """Maps a label file's values to class indices (0 is unchanged) and 255 (ignored).

    Either an exact value for each class, or, for binary change, a threshold for labels with
    compression noise. A value outside the encoding is an error: a label misread trains a model
    that finds nothing, silently.

    Args:
        ignored: the value of pixels that count neither in the loss nor in the metrics.
        threshold: instead of exact values: changed where the label is greater than this.
        **values: the value of each class, by its name and in the order of the classes, such as
            ``unchanged=0, changed=255``.

    Raises:
        ConfigError: neither exact values nor a threshold, both, or values outside 0..255.
    """

    values: tuple[tuple[str, int], ...]
    ignored: int | None
    threshold: int | None

    def __init__(
        self, *, ignored: int | None = None, threshold: int | None = None, **values: int
    ) -> None:
        object.__setattr__(self, 'values', tuple(values.items()))
        object.__setattr__(self, 'ignored', ignored)
        object.__setattr__(self, 'threshold', threshold)
        given = [v for v in (*values.values(), ignored, threshold) if v is not None]
        # A threshold replaces all exact values; without one, at least two classes have theirs.
        enough = not values if threshold is not None else len(values) >= 2
        if not enough or None in values.values() or len(set(given)) != len(given):
            raise ConfigError(
                'A label encoding is either dict(unchanged=0, changed=255), with values that '
                f'differ and optionally ignored=..., or dict(threshold=127); got {self}.'
            )
        if any(not 0 <= value <= 255 for value in given):
            raise ConfigError(f'Label values are 8-bit, 0..255; got {self}.')

    @classmethod
    def from_config(
        cls, config: Mapping[str, int], classes: ChangeClasses = BINARY_CHANGE
    ) -> LabelEncoding:
        """Build from a config's dict.

        Args:
            config: a value for each class by its name, or ``threshold``; perhaps ``ignored``.
            classes: those of the data set.

        Raises:
            ConfigError: an unknown key, a class without its value, or a threshold for more than
                two classes.
        """
        unknown = config.keys() - {*classes.names, *NO_CLASS}
        if unknown:
            raise ConfigError(
                f'A label encoding has the keys {", ".join(classes.names)}, ignored and threshold; '
                f'got {dict(config)}.'
            )
        if config.get('threshold') is not None and not classes.is_binary:
            raise ConfigError(
                f'A threshold tells two classes apart, not {", ".join(classes.names)}: give each '
                f'class its value; got {dict(config)}.'
            )
        values = {name: config[name] for name in classes.names if config.get(name) is not None}
        if not classes.is_binary and len(values) < len(classes):
            raise ConfigError(
                f'A label encoding has a value for each of {", ".join(classes.names)}; got '
                f'{dict(config)}.'
            )
        return cls(**values, **{key: config[key] for key in NO_CLASS if key in config})

    def __str__(self) -> str:
        if self.threshold is not None:
            text = f'unchanged up to {self.threshold}, changed above'
        else:
            text = ', '.join(f'{value} {name}' for name, value in self.values)
        return text if self.ignored is None else f'{text}, {self.ignored} ignored'

    def decode(self, label: np.ndarray, source: str) -> np.ndarray:
        """Classes of a label image.

        Args:
            label: the image as read, of bool (a bilevel file) or uint8.
            source: the file's name, for errors.

        Shape:
            (H, W) to (H, W) uint8 with class indices and 255 (ignored).

        Raises:
            LabelError: values outside the encoding, or an image that is not 8-bit.
        """
        if label.dtype == bool:
            label = np.where(label, np.uint8(self._white(source)), np.uint8(0))
        if label.dtype != np.uint8:
            raise LabelError(
                f'Label {source}: expected an 8-bit image, but got {label.dtype}. Convert it to '
                f'8 bit with the values: {self}.'
            )
        classes = self._table()[label]
        if self.threshold is None and (classes == _INVALID).any():
            raise LabelError(self._describe_invalid(label, source))
        return classes

    def _white(self, source: str) -> int:
        """What white of a bilevel file is as a value of 8 bit; black is 0.

        Raises:
            LabelError: 1 and 255 are classes, and it may be either.
        """
        if self.threshold is not None:
            return 255
        classes = [value for _, value in self.values if value in (1, 255)]
        if len(classes) > 1:
            raise LabelError(
                f'Label {source}: white of a bilevel image may be 1 or 255, which are two classes '
                f'here: {self}. Convert it to 8 bit.'
            )
        return classes[0] if classes else 1 if self.ignored == 1 else 255

    def _table(self) -> np.ndarray:
        table = np.full(256, _INVALID, np.uint8)
        if self.threshold is None:
            for index, (_, value) in enumerate(self.values):
                table[value] = index
        else:
            table[: self.threshold + 1] = UNCHANGED
            table[self.threshold + 1 :] = UNCHANGED + 1
        if self.ignored is not None:
            table[self.ignored] = IGNORED
        return table

    def _describe_invalid(self, label: np.ndarray, source: str) -> str:
        counts = np.bincount(label.ravel(), minlength=256)
        found = np.flatnonzero(counts)
        listed = ', '.join(f'{value} ({counts[value]:,} pixels)' for value in found[:10])
        if len(found) > 10:
            listed += f' and {len(found) - 10} other values'
        return (
            f'Label {source}: expected the values {self}, but found {listed}. '
            f'{_guess_encoding(found)}'
        )


def _guess_encoding(found: np.ndarray) -> str:
    """What to do about a label with these values."""
    if set(found) <= {0, 1}:
        return 'This looks like 0/1: set label_encoding=dict(unchanged=0, changed=1).'
    if set(found) <= {1, 2}:
        return 'This looks like 1/2: set label_encoding=dict(unchanged=1, changed=2).'
    if set(found) <= {0, 255}:
        return 'This looks like 0/255: set label_encoding=dict(unchanged=0, changed=255).'
    if len(found) > 10 and found.min() <= 20 and found.max() >= 235:
        return (
            'So many values come from lossy compression or from resampling: set '
            'label_encoding=dict(threshold=127) if that is what happened to these files.'
        )
    return 'Mend the file, or set the label_encoding that it follows.'
