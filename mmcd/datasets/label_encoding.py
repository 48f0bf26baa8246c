"""What the values of a label file mean, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mmcd.errors import ConfigError, LabelError

UNCHANGED, CHANGED, IGNORED = 0, 1, 255
_INVALID = 254  # marks values outside the encoding in the look-up table; no class has this index


@dataclass(frozen=True)
class LabelEncoding:
    """Maps a label file's values to 0 (unchanged), 1 (changed) and 255 (ignored).

    Either exact values, or a threshold for labels with compression noise. A value outside the
    encoding is an error: a label misread trains a model that finds nothing, silently.

    Args:
        unchanged: the value of unchanged pixels.
        changed: the value of changed pixels.
        ignored: the value of pixels that count neither in the loss nor in the metrics.
        threshold: instead of exact values: changed where the label is greater than this.

    Raises:
        ConfigError: neither exact values nor a threshold, both, or values outside 0..255.
    """

    unchanged: int | None = None
    changed: int | None = None
    ignored: int | None = None
    threshold: int | None = None

    def __post_init__(self) -> None:
        exact = [self.unchanged, self.changed]
        values = [v for v in (*exact, self.ignored, self.threshold) if v is not None]
        # A threshold replaces both exact values; without one, both are needed.
        wanted = 2 if self.threshold is None else 0
        given = sum(value is not None for value in exact)
        if given != wanted or len(set(values)) != len(values):
            raise ConfigError(
                'A label encoding is either dict(unchanged=0, changed=255), with values that '
                f'differ and optionally ignored=..., or dict(threshold=127); got {self}.'
            )
        if any(not 0 <= value <= 255 for value in values):
            raise ConfigError(f'Label values are 8-bit, 0..255; got {self}.')

    @classmethod
    def from_config(cls, config: Mapping[str, int]) -> LabelEncoding:
        """Build from a config's dict.

        Raises:
            ConfigError: an unknown key.
        """
        try:
            return cls(**config)
        except TypeError as error:
            raise ConfigError(
                'A label encoding has the keys unchanged, changed, ignored and threshold; '
                f'got {dict(config)}.'
            ) from error

    def __str__(self) -> str:
        if self.threshold is not None:
            text = f'unchanged up to {self.threshold}, changed above'
        else:
            text = f'{self.unchanged} unchanged, {self.changed} changed'
        return text if self.ignored is None else f'{text}, {self.ignored} ignored'

    def decode(self, label: np.ndarray, source: str) -> np.ndarray:
        """Classes of a label image.

        Args:
            label: the image as read, of bool (a bilevel file) or uint8.
            source: the file's name, for errors.

        Shape:
            (H, W) to (H, W) uint8 with values 0, 1 and 255.

        Raises:
            LabelError: values outside the encoding, or an image that is not 8-bit.
        """
        if label.dtype == bool:
            return label.astype(np.uint8)  # a bilevel file leaves no doubt about its two values
        if label.dtype != np.uint8:
            raise LabelError(
                f'Label {source}: expected an 8-bit image, but got {label.dtype}. Convert it to '
                f'8 bit with the values: {self}.'
            )
        classes = self._table()[label]
        if self.threshold is None and (classes == _INVALID).any():
            raise LabelError(self._describe_invalid(label, source))
        return classes

    def _table(self) -> np.ndarray:
        table = np.full(256, _INVALID, np.uint8)
        if self.threshold is None:
            table[self.unchanged] = UNCHANGED
            table[self.changed] = CHANGED
        else:
            table[: self.threshold + 1] = UNCHANGED
            table[self.threshold + 1 :] = CHANGED
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
    if set(found) <= {0, 255}:
        return 'This looks like 0/255: set label_encoding=dict(unchanged=0, changed=255).'
    if len(found) > 10 and found.min() <= 20 and found.max() >= 235:
        return (
            'So many values come from lossy compression or from resampling: set '
            'label_encoding=dict(threshold=127) if that is what happened to these files.'
        )
    return 'Mend the file, or set the label_encoding that it follows.'
