"""Results with pictures, made of tiny pairs, as a test run would leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from mmcd.evaluation.confusion import change_counts, change_ratios, count_classes
from mmcd.html_report.pictures import save_pictures
from mmcd.html_report.result_page import picture_path
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from tests.tiny_pairs import draw_pair

HEIGHT, WIDTH = 48, 64
BINS = [
    dict(low=0.1 * n, high=0.1 * n + 0.1, pixels=9, probability=0.1 * n + 0.05, changed=0.1 * n)
    for n in range(10)
]
CURVES = dict(
    precision_recall=dict(
        threshold=[0.0, 0.5, 1.0],
        precision=[20.0, 70.0, 0.0],
        recall=[100.0, 60.0, 0.0],
        f1=[33.0, 64.0, 0.0],
    ),
    calibration=BINS,
    calibration_change=BINS[3:],
    objects_by_size=[
        dict(min_pixels=1, max_pixels=63, objects=1234, found=617, recall=50.0),
        dict(min_pixels=64, max_pixels=None, objects=0, found=0, recall=0.0),
    ],
)


def predict(label: np.ndarray, quality: float, rng: np.random.RandomState) -> np.ndarray:
    """A probability that finds more of the label, and less beside it, with more quality."""
    noise = rng.uniform(0, 1, label.shape).astype(np.float32)
    return (quality * label + (1 - quality) * noise).clip(0, 1)


def write_result(
    folder: Path,
    *,
    images: int = 7,
    seed: int = 0,
    best: float = 0.9,
    pictures: bool = True,
    curves: bool = False,
    classes: ChangeClasses = BINARY_CHANGE,
) -> dict[str, Any]:
    """Write the pictures of made-up images into a report's folder; gives the result's record.

    The last image holds no change, and none is found there.
    """
    rng = np.random.RandomState(0)
    noise = np.random.RandomState(seed)
    total = np.zeros((len(classes), len(classes)), int)
    described = []
    for number in range(images):
        before, after, label = draw_pair(rng, HEIGHT, WIDTH)
        label = label * (number % (len(classes) - 1) + 1)
        probability = predict((label > 0).astype(np.float32), best * (number + 1) / images, noise)
        if number == images - 1:
            label, probability = np.zeros_like(label), probability * 0
        prediction = ((probability > 0.5) * max(label.max(), 1)).astype(np.uint8)
        file = f'test/A/test_{number}.png'
        if pictures:
            save_pictures(
                picture_path(folder, file),
                before,
                after,
                label=label,
                prediction=prediction,
                probability=probability,
                classes=classes,
            )
        matrix = count_classes(torch.from_numpy(prediction), torch.from_numpy(label), len(classes))
        total += matrix
        counts = change_counts(matrix)
        described.append(
            dict(
                name=f'test_{number}',
                before=file,
                counts=counts._asdict(),
                confusion=matrix.tolist(),
                **change_ratios(counts),
            )
        )
    metrics = change_ratios(change_counts(total))
    return dict(
        schema=1,
        metrics=metrics,
        intervals={key: [value - 1, value + 1] for key, value in metrics.items()},
        bootstrap=dict(level=0.95, method='BCa', resamples=999, unit='image', units=images),
        images=described,
        curves=dict(change=CURVES) if curves else {},
        protocol=dict(split='test', threshold=0.5, threshold_origin='model', tta=False),
    )
