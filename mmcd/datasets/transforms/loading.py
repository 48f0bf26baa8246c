"""Reading pairs and labels from files."""

from __future__ import annotations

from pathlib import Path

import mmcv
import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.pixel_cache import PixelCache
from mmcd.datasets.transforms.pairing import date_views, stack_dates
from mmcd.errors import ImagePairError, LabelError
from mmcd.io.images import read_pair_image
from mmcd.registry import TRANSFORMS
from mmcd.structures import RGB_8BIT, ImageSpec


@TRANSFORMS.register_module()
class LoadImagePair(BaseTransform):
    """Read the files of both dates as the image description states them.

    Reads ``before_path``, ``after_path`` and ``image_spec`` (8-bit RGB where there is none);
    writes ``before`` and ``after``, (H, W, C) each, with the bands in the order of the description:
    uint8 as it is, other types as float32 with the files' values. A date that is there as an array
    already is taken as it is. Where the data set has a cache (``pixel_cache``), the dates are views
    of its mapped pair, of which later transforms read no more than they use.

    Args:
        backend_args: MMEngine's file backend; None: local files, or what the path's prefix names.

    Raises:
        ImagePairError: a file can't be decoded or does not fit the image description, or the two
            dates' shapes differ.
        FileNotFoundError: a file has gone since the data set was indexed.
    """

    def __init__(self, *, backend_args: dict | None = None) -> None:
        self.backend_args = backend_args

    def transform(self, results: dict) -> dict:
        cache: PixelCache | None = results.get('pixel_cache')
        if cache is None or 'before' in results or 'after' in results:
            self._read_both(results)
            return results
        spec = results.get('image_spec', RGB_8BIT)
        paths = [results['before_path'], results['after_path']]
        pair = cache.get(paths, repr(spec), lambda: stack_dates(*self._read_both(dict(results))))
        results['before'], results['after'] = date_views(pair)
        return results

    def _read_both(self, results: dict) -> tuple[np.ndarray, np.ndarray]:
        spec = results.get('image_spec', RGB_8BIT)
        for date in ('before', 'after'):
            if date not in results:
                results[date] = self._read(results[f'{date}_path'], spec)
        before, after = results['before'], results['after']
        if before.shape != after.shape:
            raise ImagePairError(
                f'The two dates differ in shape (height, width, bands): {results["before_path"]} '
                f'has {before.shape}, {results["after_path"]} has {after.shape}. Bring both to one '
                'grid first.'
            )
        return before, after

    def _read(self, path: str, spec: ImageSpec) -> np.ndarray:
        image = read_date(path, spec, self.backend_args)
        # Neither OpenCV nor PyTorch computes with all of the other integer types.
        return image if image.dtype == np.uint8 else image.astype(np.float32)


@TRANSFORMS.register_module()
class LoadChangeLabel(BaseTransform):
    """Read the change label under its data set's strict encoding.

    Reads ``seg_map_path`` and ``label_encoding``; writes ``gt_seg_map``, (H, W) uint8 with class
    indices (0 unchanged) and 255 (ignored).

    Raises:
        LabelError: values outside the encoding, a coloured label, or a file that can't be decoded.
        ImagePairError: the label's size is not the images'.
    """

    def transform(self, results: dict) -> dict:
        path = results['seg_map_path']
        encoding: LabelEncoding = results['label_encoding']
        cache: PixelCache | None = results.get('pixel_cache')
        if cache is None:
            label = encoding.decode(read_single_band(path), path)
        else:  # checked once, where it is decoded
            label = cache.get(
                [path], repr(encoding), lambda: encoding.decode(read_single_band(path), path)
            )
        images = results['before'].shape[:2] if 'before' in results else label.shape
        if label.shape != images:
            raise ImagePairError(
                f'The label differs in size (height, width) from its images: {path} has '
                f'{label.shape}, {results["before_path"]} has {images}.'
            )
        results['gt_seg_map'] = label
        results['seg_fields'].append('gt_seg_map')
        return results


def read_date(path: str, spec: ImageSpec, backend_args: dict | None = None) -> np.ndarray:
    """One date through MMEngine's file backends: see :func:`mmcd.io.images.read_pair_image`.

    Raises:
        ImagePairError: it can't be decoded or does not fit the image description.
        FileNotFoundError: there is no such file.
    """
    if backend_args is None and '://' not in path:
        return read_pair_image(Path(path), spec)
    with fileio.get_local_path(path, backend_args=backend_args) as local:
        return read_pair_image(Path(local), spec)


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
