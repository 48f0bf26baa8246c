"""Results of made-up images."""

from __future__ import annotations

import numpy as np

from mmcd.evaluation.image_result import ImageResult, hash_label


def counted_image(name: str, confusion: np.ndarray | list, **files: str) -> ImageResult:
    """An image with these counts; its label's hash is of its name."""
    label = np.frombuffer(name.encode(), np.uint8)[None]
    counts = dict(confusion=np.asarray(confusion, np.int64))
    return ImageResult(name, hash_label(label), counts, **files)


def random_images(
    number: int, *, seed: int = 0, classes: int = 2, name: str = 'test_{}'
) -> list[ImageResult]:
    """Images whose share of right pixels differs."""
    rng = np.random.default_rng(seed)
    images = []
    for index in range(number):
        confusion = rng.integers(1, 400, (classes, classes)) * rng.integers(1, 4)
        confusion[0, 0] += 9000
        confusion[1, 1] += rng.integers(0, 1500)
        images.append(counted_image(name.format(index), confusion))
    return images
