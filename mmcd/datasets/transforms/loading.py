"""Reading pairs and labels from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine import fileio

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.errors import ImagePairError, LabelError
from mmcd.io.images import read_image
from mmcd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadImagePair(LoadImageFromFile):
    """Read the files of both dates.

    Reads ``before_path`` and ``after_path``; gives ``before`` and ``after``, (H, W, C) each, in BGR
    order for three bands, as everywhere in MMCV. A date that is there as an array already is taken
    as it is.

    Args:
        color_type: MMCV's reading flag. The default gives three bands and leaves the file's
            orientation tag aside, as label files have none. 'unchanged' keeps all bands.
        imdecode_backend: MMCV's decoder, or 'rasterio' for TIFF files of any number of bands, 8 or
            16 bit, which OpenCV reads wrong. It gives all bands, whatever ``color_type`` says; 16
            bit needs ``to_float32=True``.
        **kwargs: see :class:`mmcv.transforms.LoadImageFromFile`.

    Raises:
        ImagePairError: a file can't be decoded, or the two dates' shapes differ.
        FileNotFoundError: a file has gone since the data set was indexed.
    """

    def __init__(
        self,
        *,
        color_type: str = 'color_ignore_orientation',
        imdecode_backend: str = 'cv2',
        **kwargs: Any,
    ) -> None:
        super().__init__(color_type=color_type, imdecode_backend=imdecode_backend, **kwargs)

    def transform(self, results: dict) -> dict:
        for date in ('before', 'after'):
            if date not in results:
                results[date] = self._read(results[f'{date}_path'])
        before, after = results['before'].shape, results['after'].shape
        if before != after:
            raise ImagePairError(
                f'The two dates differ in shape (height, width, bands): {results["before_path"]} '
                f'has {before}, {results["after_path"]} has {after}. Bring both to one grid first.'
            )
        return results

    def _read(self, path: str) -> np.ndarray:
        if self.imdecode_backend == 'rasterio':
            return self._read_all_bands(path)
        try:
            image = super().transform(dict(img_path=path))['img']
        except FileNotFoundError:
            raise
        except Exception as error:  # each decoder has its own types
            raise ImagePairError(
                f'Cannot read the image {path} (decoder {self.imdecode_backend}): {error}. '
                'Is the file whole? Other formats need another `imdecode_backend`.'
            ) from error
        return image if image.ndim == 3 else image[..., None]

    def _read_all_bands(self, path: str) -> np.ndarray:
        image = read_image(Path(path))
        if image.shape[2] == 3:
            image = np.ascontiguousarray(image[..., ::-1])  # BGR, as from MMCV
        return image.astype(np.float32) if self.to_float32 else image


@TRANSFORMS.register_module()
class LoadChangeLabel(BaseTransform):
    """Read the change label under its data set's strict encoding.

    Reads ``seg_map_path`` and ``label_encoding``; gives ``gt_seg_map``, (H, W) uint8 with 0
    unchanged, 1 changed, 255 ignored.

    Raises:
        LabelError: values outside the encoding, a coloured label, or a file that can't be decoded.
        ImagePairError: the label's size is not the images'.
    """

    def transform(self, results: dict) -> dict:
        path = results['seg_map_path']
        encoding: LabelEncoding = results['label_encoding']
        label = encoding.decode(read_single_band(path), path)
        images = results['before'].shape[:2] if 'before' in results else label.shape
        if label.shape != images:
            raise ImagePairError(
                f'The label differs in size (height, width) from its images: {path} has '
                f'{label.shape}, {results["before_path"]} has {images}.'
            )
        results['gt_seg_map'] = label
        results['seg_fields'].append('gt_seg_map')
        return results


def read_single_band(path: str) -> np.ndarray:
    """A label file as (H, W), its values as they are in the file.

    Raises:
        LabelError: it can't be decoded, or is coloured.
    """
    return take_single_band(decode_label(fileio.get(path), path), path)


def decode_label(content: bytes, path: str) -> np.ndarray:
    """A label image from its bytes, (H, W) or (H, W, C).

    Raises:
        LabelError: it can't be decoded.
    """
    try:
        # Pillow gives palette files their indices; OpenCV would expand them to colours.
        return mmcv.imfrombytes(content, flag='unchanged', backend='pillow')
    except Exception as error:
        raise LabelError(f'Cannot read the label {path}: {error}. Is the file whole?') from error


def take_single_band(label: np.ndarray, path: str) -> np.ndarray:
    """The one band that a label's bands all repeat, or that alone is not empty, (H, W).

    S2Looking's ``label1`` and ``label2`` are of the latter kind: one colour on black. An alpha
    channel is left off.

    Raises:
        LabelError: the bands differ otherwise.
    """
    if label.ndim == 2:
        return label
    colours = label[..., :3]
    if np.count_nonzero(colours.any(axis=(0, 1))) <= 1:
        return colours.max(axis=2)
    if (colours != colours[..., :1]).any():
        raise LabelError(
            f'Label {path}: expected one band, but got a coloured image {label.shape}. Convert it '
            'to one band with one value a class.'
        )
    return colours[..., 0]
