"""What a model answers for a pair of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mmcd.errors import ConfigError
from mmcd.io.atomic import write_whole
from mmcd.io.image_encoding import encode_image, encode_mask
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import UNCHANGED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, repr=False)
class ChangeResult:
    """A model's answer for a pair; a notebook shows it as a picture.

    Args:
        mask: (H, W) uint8, 0 unchanged, 1 changed; with several kinds of change their class index.
        probability: (H, W) float32, the probability of change of any kind.
        classes: of the mask.
    """

    mask: np.ndarray
    probability: np.ndarray
    classes: ChangeClasses = BINARY_CHANGE

    def __repr__(self) -> str:
        height, width = self.mask.shape
        changed = float((self.mask != UNCHANGED).mean()) if self.mask.size else 0.0
        return f'ChangeResult({height} x {width} pixels, {changed:.2%} changed)'

    def save(self, path: str | Path) -> None:
        """Write the mask as PNG: 0 and 255, or with several kinds of change their class index.

        Args:
            path: ends in .png.

        Raises:
            ConfigError: it has another ending.
        """
        path = Path(path)
        if path.suffix.lower() != '.png':
            raise ConfigError(f'The mask is saved as PNG, but {path} ends in {path.suffix!r}.')
        write_whole(path, encode_mask(self.mask, self.classes))

    def plot(self) -> Figure:
        """The mask and the probability side by side, as a figure of Matplotlib."""
        from matplotlib.figure import Figure  # its import takes a second

        figure = Figure(figsize=(10, 5), layout='constrained')
        left, right = figure.subplots(1, 2)
        left.imshow(self._coloured(), interpolation='nearest')
        shown = right.imshow(self.probability, vmin=0, vmax=1, cmap='magma')
        figure.colorbar(shown, ax=right, shrink=0.8)
        for axis, title in ((left, 'change'), (right, 'probability of change')):
            axis.set_title(title)
            axis.set_axis_off()
        return figure

    def _repr_png_(self) -> bytes:
        grey = np.repeat((255 * self.probability[..., None]).astype(np.uint8), 3, axis=2)
        return encode_image(np.hstack([self._coloured(), grey]), '.png')

    def _coloured(self) -> np.ndarray:
        """The mask in the colours of its classes, (H, W, 3) uint8."""
        return np.array(self.classes.palette, np.uint8)[self.mask]
