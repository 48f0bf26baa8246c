"""Reading pairs and labels from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine import fileio

from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.label_file import decode_label, take_single_band
from mmcd.datasets.pixel_cache import PixelCache
from mmcd.datasets.transforms.pairing import date_views, stack_dates
from mmcd.errors import ImagePairError
from mmcd.io.band_folder import choose_band_files
from mmcd.io.images import Window, read_pair_image
from mmcd.registry import TRANSFORMS
from mmcd.structures import RGB_8BIT, ImageSpec
from mmcd.structures.image_spec import moments_of


@TRANSFORMS.register_module()
class LoadImagePair(BaseTransform):
    """Read the files of both dates as the image description states them.

    Reads ``before_path``, ``after_path``, ``image_spec`` (8-bit RGB where there is none) and
    ``window`` (the part of both that the sample is; all where there is none); writes ``before`` and
    ``after``, (H, W, C) each, with the bands in the order of the description: uint8 as it is, other
    types as float32 with the files' values, standardised where the description says so. A date that
    is there as an array already is not read. Where the data set has a cache (``pixel_cache``), the
    dates are views of its mapped pair, of which later transforms read no more than they use.

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
        spec = results.get('image_spec', RGB_8BIT)
        if cache is None or 'before' in results or 'after' in results:
            dates = self._read_both(results, spec)
        else:
            files = [
                file
                for date in ('before', 'after')
                for file in files_of(results[f'{date}_path'], spec)
            ]
            pair = cache.get(
                files, repr(spec), lambda: stack_dates(*self._read_both(dict(results), spec))
            )
            dates = date_views(pair)
        window: Window | None = results.get('window')
        results['pair_shape'] = dates[0].shape[:2]  # of the whole, which the label must have, too
        results['before'], results['after'] = (
            date if window is None else window.of(date) for date in dates
        )
        return results

    def _read_both(self, results: dict, spec: ImageSpec) -> tuple[np.ndarray, np.ndarray]:
        before, after = (
            self._values(results.get(date), results[f'{date}_path'], spec)
            for date in ('before', 'after')
        )
        if before.shape != after.shape:
            raise ImagePairError(
                f'The two dates differ in shape (height, width, bands): {results["before_path"]} '
                f'has {before.shape}, {results["after_path"]} has {after.shape}. Bring both to one '
                'grid first.'
            )
        return before, after

    def _values(self, given: np.ndarray | None, path: str, spec: ImageSpec) -> np.ndarray:
        image = read_date(path, spec, self.backend_args) if given is None else given
        if spec.standardize:
            return spec.standardized(image, moments_of(image))
        # Neither OpenCV nor PyTorch computes with all of the other integer types.
        return image if image.dtype == np.uint8 else image.astype(np.float32, copy=False)


@TRANSFORMS.register_module()
class LoadChangeLabel(BaseTransform):
    """Read the change label under its data set's strict encoding.

    Reads ``seg_map_path``, ``label_encoding`` and ``window``; writes ``gt_seg_map``, (H, W) uint8
    with class indices (0 unchanged) and 255 (ignored).

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
        window: Window | None = results.get('window')
        images = results.get('pair_shape')
        if images is None and window is None and 'before' in results:
            images = results['before'].shape[:2]
        # Before it is cut: a window of a label of another size may have the right one by itself.
        if images is not None and label.shape != images:
            raise ImagePairError(
                f'The label differs in size (height, width) from its images: {path} has '
                f'{label.shape}, {results["before_path"]} has {images}.'
            )
        results['gt_seg_map'] = label if window is None else window.of(label)
        results['seg_fields'].append('gt_seg_map')
        return results


def files_of(path: str, spec: ImageSpec) -> list[str]:
    """The file of a date, or, of a folder with a file for each band, those of its bands."""
    folder = Path(path)
    return [str(file) for file in choose_band_files(folder, spec)] if folder.is_dir() else [path]


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
