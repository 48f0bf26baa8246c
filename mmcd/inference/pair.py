"""A model's answer for a pair of images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import init_default_scope
from torch import nn

from mmcd.config import evaluation_pipeline
from mmcd.errors import ImageNotFoundError, ImagePairError
from mmcd.inference.change_result import ChangeResult
from mmcd.inference.network_predictor import make_predictor
from mmcd.inference.predictor import ChangePredictor
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.io.images import place_of
from mmcd.models.scores import scores_of_sample
from mmcd.structures import ImageSpec
from mmcd.structures.change_classes import UNCHANGED

DATES = ('before_path', 'after_path')
MOST_APART = 0.5  # pixels, from which on two grids differ
# Two corners (column, row, 1), by whose places grids are told apart.
CORNERS = np.array([[0, 0, 1], [1000, 1000, 1]]).T
PLAIN_PIPELINE: list[dict[str, Any]] = [
    dict(type='LoadImagePair'),
    dict(type='StackPair'),
    dict(type='mmseg.PackSegInputs', meta_keys=('img_shape', 'ori_shape', *DATES)),
]


@torch.inference_mode()
def predict_pair(
    model: nn.Module | ChangePredictor,
    before: str | Path | np.ndarray,
    after: str | Path | np.ndarray,
    *,
    precision: str | None = None,
    compile: bool = False,
    optimize: bool = True,
    tta: bool | str = False,
) -> ChangeResult:
    """Find what changed between two images.

    Args:
        model: from :func:`init_model`, or a predictor (:func:`mmcd.inference.make_predictor`).
        before: the first date, a file or an array, of NumPy or what NumPy takes as one.
        after: the second date, of the same size.
        precision: 'float32' (the default), 'bfloat16', or on a GPU 'float16'.
        compile: use ``torch.compile``, which takes about a minute at the first pair of each size.
        optimize: False runs the network as it was trained, not restructured for inference; see
            :func:`mmcd.inference.make_predictor`, also for the copy of the weights that is cached.
        tta: average over several views of the pair: 'flips' (or True), 'd4', 'exchange' and others,
            see :func:`mmcd.inference.make_predictor`.

    Shape:
        arrays (H, W, C) of the model's bands, in its order and type (8-bit RGB by default); any H
        and W that fit into memory. Beyond some 2000 x 2000 pixels, and where files have no data or
        lie on different grids, :func:`mmcd.apis.predict_scene` is the one.

    Raises:
        ConfigError: there is no such precision, or the device does not support it.
        ImagePairError: an image can't be read or does not fit the model, or the two don't form a
            pair.
        FileNotFoundError: there is no such file.
        PredictionError: the network gives NaN, infinite values, or no probabilities.
    """
    predictor = make_predictor(
        model, precision=precision, compile=compile, optimize=optimize, tta=tta
    )
    results: dict[str, Any] = dict(image_spec=predictor.image, seg_fields=[])
    for date, image in (('before', before), ('after', after)):
        results |= _check_image(image, date, predictor.image)
    _check_places(before, after)
    results['img_path'] = results['before_path']
    packed = _inference_pipeline(predictor.cfg)(results)
    test_cfg = None if predictor.cfg is None else predictor.cfg.model.get('test_cfg')
    (sample,) = PredictorSegmentor(predictor, test_cfg).test_step(pseudo_collate([packed]))
    mask = sample.pred_sem_seg.data.squeeze(0).to(torch.uint8).cpu().numpy()
    kinds = scores_of_sample(sample)[UNCHANGED + 1 :]
    probability = predictor.classes.change_of(kinds).cpu().numpy()
    return ChangeResult(mask, probability, predictor.classes)


def _check_image(image: Any, date: str, spec: ImageSpec) -> dict[str, Any]:
    """What the pipeline gets of an image: its path, and its pixels where it is an array."""
    if hasattr(image, '__array__') and not _is_name(image):  # as PyTorch's and xarray's have, too
        image = _as_array(image, date)
        if np.ma.is_masked(image):
            raise ImagePairError(
                f'The {date} image has masked pixels, which predict_pair does not know. Fill them '
                '(image.filled(0)) and ignore what is found there, or use predict_scene, which '
                'knows where files have no data.'
            )
        spec.check_array(image, date)
        values = image if image.dtype == np.uint8 else image.astype(np.float32)
        return {date: values, f'{date}_path': f'<{date} array>'}
    if not _is_name(image):
        raise ImagePairError(
            f'The {date} image must be a file or a NumPy array (height, width, bands), but is a '
            f'{type(image).__name__}. Give np.asarray(image) of a Pillow image.'
        )
    if not Path(image).exists():
        raise ImageNotFoundError(f'No such {date} image: {image} (from {Path.cwd()}).')
    return {f'{date}_path': str(image)}


def _check_places(before: Any, after: Any) -> None:
    """Refuse two GeoTIFFs of different ground, which would be compared pixel by pixel.

    Raises:
        ImagePairError: their CRS differ, or their pixels lie half of one or more apart.
    """
    if not (_is_name(before) and _is_name(after)):
        return
    first, second = place_of(Path(before)), place_of(Path(after))
    if first is None or second is None:
        return
    own, other = (np.array(place[1]).reshape(3, 3) for place in (first, second))
    found = np.linalg.solve(own, other @ CORNERS)  # of one image in pixels of the other
    if first[0] != second[0] or np.abs(found - CORNERS).max() >= MOST_APART:
        raise ImagePairError(
            f'{before} and {after} lie on different grids (CRS, place or size of the pixels), and '
            'predict_pair compares pixel by pixel. Use predict_scene (mmcd map), which warps the '
            'one to the other.'
        )


def _is_name(image: Any) -> bool:
    return isinstance(image, (str, os.PathLike))


def _as_array(image: Any, date: str) -> np.ndarray:
    try:
        return np.asanyarray(image)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ImagePairError(
            f'The {date} image, a {type(image).__name__}, cannot become a NumPy array: {error} '
            'Give a NumPy array; for a tensor on a GPU, np.asarray(image.cpu()).'
        ) from error


def _inference_pipeline(cfg: Config | None) -> Compose:
    """The test pipeline without the label."""
    # Its types without a scope are ours, also where no model was built in this process.
    init_default_scope('mmcd')
    # A predictor may have been made without a config, a config without a data set.
    own = None if cfg is None else evaluation_pipeline(cfg)
    pipeline = own or PLAIN_PIPELINE
    return Compose([step for step in pipeline if not step['type'].endswith('LoadChangeLabel')])
