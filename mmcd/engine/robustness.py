"""How a model's figures change where one date is disturbed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dataset import BaseDataset, pseudo_collate

from mmcd.datasets.transforms.loading import read_date
from mmcd.evaluation.bootstrap import Bootstrap, sum_by
from mmcd.evaluation.confusion import change_counts, change_ratios, count_classes
from mmcd.evaluation.disturbances import Disturbance
from mmcd.evaluation.image_result import source_namer
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.structures import ImageSpec

NONE = Disturbance('none', 0, '', lambda image, spec, rng: image)
EXCHANGED = Disturbance('exchanged dates', 0, '', lambda image, spec, rng: image)
DATES = ('before', 'after')


def measure_robustness(
    segmentor: PredictorSegmentor,
    dataset: BaseDataset,
    disturbances: Sequence[Disturbance],
    indices: Iterable[int],
    *,
    date: str = 'after',
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Score a data set's images as they are, with one date disturbed, and with both exchanged.

    Args:
        segmentor: what answers, in windows where the config asks for them.
        dataset: with labels.
        disturbances: of one date's images.
        indices: which images.
        date: 'before' or 'after', the one that is disturbed.
        seed: of the noise.

    Returns:
        for each, the undisturbed first: ``kind``, ``strength``, ``unit``, the ratios of change in
        percent, and the interval ``f1_interval``; None with fewer than two source images.
    """
    every = [NONE, *disturbances, EXCHANGED]
    counts: list[list[dict[str, np.ndarray]]] = [[] for _ in every]
    name_source = source_namer()
    sources = []
    for index in indices:
        info = dataset.get_data_info(index)
        spec = info['image_spec']
        images = {each: read_date(info[f'{each}_path'], spec) for each in DATES}
        sources.append(name_source(info.get('pair_name') or Path(info['before_path']).stem))
        for number, disturbance in enumerate(every):
            rng = np.random.default_rng([seed, index, number])
            shown = _show(images, disturbance, date, spec, rng)
            sample = dataset.pipeline(copy.deepcopy(info) | shown)
            counts[number].append(dict(confusion=_count(segmentor, sample)))
    return [
        _describe(disturbance, own, sources) for disturbance, own in zip(every, counts, strict=True)
    ]


def _show(
    images: dict[str, np.ndarray],
    disturbance: Disturbance,
    date: str,
    spec: ImageSpec,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Both dates as the model gets to see them."""
    if disturbance is EXCHANGED:
        return dict(zip(DATES, (images['after'], images['before']), strict=True))
    return images | {date: disturbance.apply(images[date], spec, rng)}


def _count(segmentor: PredictorSegmentor, sample: dict) -> np.ndarray:
    with torch.inference_mode():
        (found,) = segmentor.test_step(pseudo_collate([sample]))
    prediction = found.pred_sem_seg.data.squeeze()
    label = found.gt_sem_seg.data.squeeze().to(prediction.device)
    return count_classes(prediction, label, len(segmentor.classes))


def _describe(
    disturbance: Disturbance, counts: list[dict[str, np.ndarray]], sources: list[str]
) -> dict[str, Any]:
    def ratios(sums: dict[str, np.ndarray]) -> dict[str, Any]:
        return change_ratios(change_counts(sums['confusion']))

    total = np.sum([each['confusion'] for each in counts], axis=0)
    interval = None
    if len(set(sources)) > 1:
        interval = list(Bootstrap(resamples=999).intervals(sum_by(counts, sources), ratios)['f1'])
    return dict(
        kind=disturbance.kind,
        strength=disturbance.strength,
        unit=disturbance.unit,
        name=disturbance.name if disturbance.strength else disturbance.kind,
        **ratios(dict(confusion=total)),
        f1_interval=interval,
    )
