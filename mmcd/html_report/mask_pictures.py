"""The pictures of masks on disk, of any method."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.evaluation.mask_files import MaskPair, MaskReader, read_label
from mmcd.html_report.pictures import save_pictures
from mmcd.html_report.result_page import picture_path
from mmcd.io.images import read_image
from mmcd.structures import ChangeClasses, ImageSpec


def save_mask_pictures(
    report: Path,
    pair: MaskPair,
    reader: MaskReader,
    label_encoding: LabelEncoding,
    classes: ChangeClasses,
    *,
    threshold: float,
    before: Path | None = None,
    after: Path | None = None,
) -> None:
    """Write what a report shows of one mask and its label.

    Args:
        report: its folder.
        pair: the mask and its label.
        reader: of the masks.
        label_encoding: what the label's values mean.
        classes: of both.
        threshold: of probability maps: changed where greater.
        before: file of the first date; None: the maps lie on grey.
        after: file of the second date.
    """
    found = reader.read(pair.prediction)
    is_mask = reader.encoding is not None
    save_pictures(
        picture_path(report, pair.name),
        show_file(before),
        show_file(after),
        label=label_encoding.decode(read_label(pair.label), str(pair.label)),
        prediction=found if is_mask else (found > np.float32(threshold)).astype(np.uint8),
        probability=found if reader.has_levels and not is_mask else None,
        classes=classes,
    )


def show_file(path: Path | None) -> np.ndarray | None:
    """An image of any bands and type, (H, W, 3) uint8: its first three bands, or one in grey."""
    if path is None:
        return None
    pixels = read_image(path)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    if pixels.dtype != np.uint8:
        pixels = pixels.astype(np.float32)
    names = tuple(f'band {number + 1}' for number in range(pixels.shape[2]))
    spec = ImageSpec(bands=names, dtype='uint8' if pixels.dtype == np.uint8 else 'float32')
    return spec.to_display(pixels)
