"""One model and one pair a case, for every door that a prediction can be entered by."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
import torch
from PIL import Image
from torch import nn

from mmcd.apis import init_model
from mmcd.inference import make_predictor
from mmcd.io.checkpoint_meta import note
from mmcd.structures import ImageSpec
from tests.export.models import with_random_statistics
from tests.scene.rasters import draw_ground, utm, write_raster

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
HEIGHT, WIDTH = 70, 90  # no multiples of what the networks need
SLIM_DARNET = dict(
    backbone=dict(base_channels=2),
    decode_head=dict(in_channels=[4, 8, 16, 32, 64], channels=4),
    # All different: each mistake in the order of the bands shows.
    data_preprocessor=dict(mean=[130.0, 120.0, 110.0], std=[50.0, 55.0, 60.0]),
)
# The quickest to export.
SLIM_FC_SIAM = dict(
    backbone=dict(base_channels=4),
    decode_head=dict(in_channels=[8, 16, 32, 64]),
    data_preprocessor=SLIM_DARNET['data_preprocessor'],
)
SENTINEL = dict(
    bands=['blue', 'green', 'red', 'nir'],
    dtype='uint16',
    value_range=(0, 10_000),
    metres_per_pixel=10.0,
)


@dataclass(frozen=True)
class Case:
    """A config that changes another's settings.

    Args:
        base: the config that it is made from.
        model: what it changes of the model.
        image: its image description; None: 8-bit RGB.
        dataset: what it changes of the data set.
        tta: the test-time augmentation that the doors are asked for.
        tuned: a threshold that the checkpoint brings.
        optimize: False: the network as trained.
        exported: whether it is exported, too, which takes most of the time: not where another case
            has what matters to a file.
    """

    base: str = 'fc_siam_diff_sample.py'
    model: dict[str, Any] = field(default_factory=lambda: dict(SLIM_FC_SIAM))
    image: dict[str, Any] | None = None
    dataset: dict[str, Any] = field(default_factory=dict)
    tta: bool | str = False
    tuned: float | None = None
    optimize: bool = True
    exported: bool = True


CASES = {
    'threshold': Case('darnet_sample.py', dict(SLIM_DARNET, threshold=0.3)),
    'threshold of the head': Case(
        'prx_sample.py', dict(decode_head=dict(threshold=0.3)), exported=False
    ),
    'tta': Case(model=dict(SLIM_FC_SIAM, threshold=0.4), tta=True, exported=False),
    # Two in one, since each case enters every door.
    'tuned threshold, tta with turns and exchanged dates': Case(tta='d4+exchange', tuned=0.3),
    'as trained': Case('darnet_sample.py', SLIM_DARNET, optimize=False, exported=False),
    'four bands of 16 bit': Case(
        image=SENTINEL,
        model=SLIM_FC_SIAM
        | dict(
            data_preprocessor=dict(mean=[100.0, 110.0, 120.0, 130.0], std=[40.0, 45.0, 50.0, 55.0])
        ),
        dataset=dict(image_suffixes='.tif'),
    ),
    'three classes': Case(
        dataset=dict(
            metainfo=dict(
                classes=('unchanged', 'built', 'felled'),
                palette=[[0, 0, 0], [200, 30, 30], [30, 200, 30]],
            ),
            label_encoding=dict(unchanged=0, built=1, felled=2),
        ),
    ),
}


def make_case(case: Case, folder: Path) -> None:
    """Write a case's config, checkpoint, pair, scene and exported file."""
    data = folder / 'data'
    folder.mkdir()
    config = folder / 'config.py'
    config.write_text(
        f'_base_ = {str(CONFIGS / case.base)!r}\n'
        f'model = {case.model!r}\n'
        f'image = {case.image!r}\n'
        f'test_dataloader = dict(num_workers=0, persistent_workers=False, '
        f'dataset=dict(data_root={str(data)!r}, **{case.dataset!r}))\n'
    )
    spec = ImageSpec.from_config(case.image)
    dates = [draw_date(spec, seed) for seed in range(2)]
    for name, image in zip('AB', dates, strict=True):
        path = data / 'test' / name / ('one.tif' if case.image else 'one.png')
        save(path, image)
        write_raster(folder / f'{name}.tif', image.transpose(2, 0, 1), utm())
    save(data / 'test' / 'label' / 'one.png', np.zeros((HEIGHT, WIDTH), np.uint8))
    torch.manual_seed(0)
    model = with_random_statistics(init_model(config))
    tuned = None if case.tuned is None else dict(value=case.tuned, split='val')
    model.tuned_threshold = tuned
    spread_scores(model, np.concatenate(dates, axis=2))
    meta = dict(dataset_meta=dict(model.dataset_meta, image=spec.to_dict()))
    checkpoint = dict(state_dict=model.state_dict(), meta=meta)
    note(checkpoint, threshold=tuned)
    torch.save(checkpoint, folder / 'model.pth')


def draw_date(spec: ImageSpec, seed: int) -> np.ndarray:
    """(H, W, C); without any two values that a change of order or type would leave as they are."""
    bands = [draw_ground(HEIGHT, WIDTH, seed + 10 * number)[0] for number in range(spec.num_bands)]
    image = np.stack(bands, axis=2)
    return image if spec.dtype == 'uint8' else (image * 37.0 + 11).astype(spec.dtype)


def save(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.tif':
        write_raster(path, image.transpose(2, 0, 1))
    else:
        Image.fromarray(image).save(path)


def read_date(path: Path) -> np.ndarray:
    """(H, W, C) in the file's order and type."""
    if path.suffix == '.tif':
        with rasterio.open(path) as file:
            return file.read().transpose(1, 2, 0).copy()
    return cv2.imread(str(path))[..., ::-1].copy()


def spread_scores(model: nn.Module, pair: np.ndarray) -> None:
    """Shift the logits so that about half of the pixels exceed the threshold."""
    predictor = make_predictor(model, optimize=False)
    logits = predictor.predict_logits(  # type: ignore[attr-defined]
        torch.from_numpy(pair.astype(np.float32)).permute(2, 0, 1)[None]
    )
    aimed = torch.logit(torch.tensor(predictor.threshold))
    classifier = [m for m in model.decode_head.modules() if isinstance(m, nn.Conv2d)][-1]
    with torch.no_grad():
        if logits.shape[1] == 1:
            classifier.bias += aimed - logits.median()
            return
        kinds = logits[:, 1:].logsumexp(1) - logits[:, 0]
        classifier.bias[1:] += aimed - kinds.median()
