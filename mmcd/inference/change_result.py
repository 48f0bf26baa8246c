"""What a model answers for a pair of images."""

from __future__ import annotations

from collections.abc import Mapping
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

    def score(
        self,
        label: str | Path | np.ndarray,
        *,
        label_encoding: Mapping[str, int] | None = None,
    ) -> dict[str, float]:
        """Precision, recall, F1, IoU, overall accuracy and kappa of change of any kind, in percent.

        Of many pairs the counts are added up before there are ratios: ``tools/test.py``, or
        ``mmcd evaluate`` of saved masks.

        Args:
            label: a file, or an array (H, W).
            label_encoding: what its values mean, such as ``dict(unchanged=0, changed=1,
                ignored=255)``. None: 0 and 255, or 0 and 1, as the label holds them; with several
                kinds of change their class index.

        Returns:
            see :func:`mmcd.evaluation.confusion.change_ratios`.

        Raises:
            LabelError: the label can't be read, or holds other values.
            ConfigError: the encoding is none of the mask's classes.
            ValueError: it has another size than the mask.

        Example:
            >>> predict_pair(model, 'before.png', 'after.png').score('label.png')['f1']
        """
        import torch

        from mmcd.datasets.label_encoding import LabelEncoding
        from mmcd.evaluation.confusion import change_counts, change_ratios, count_classes
        from mmcd.evaluation.mask_files import as_bytes, encoding_of_values, read_label

        source = '<array>' if isinstance(label, np.ndarray) else str(label)
        values = as_bytes(label) if isinstance(label, np.ndarray) else read_label(Path(label))
        if label_encoding is None and self.classes.is_binary:
            found = encoding_of_values(set(np.unique(values).tolist()))
            label_encoding = found or dict(unchanged=0, changed=255)  # decoding says what there is
        elif label_encoding is None:
            label_encoding = {name: index for index, name in enumerate(self.classes.names)}
        decoded = LabelEncoding.from_config(label_encoding, self.classes).decode(values, source)
        mask = torch.from_numpy(np.array(self.mask))
        counts = count_classes(mask, torch.from_numpy(decoded), len(self.classes))
        return change_ratios(change_counts(counts))

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
