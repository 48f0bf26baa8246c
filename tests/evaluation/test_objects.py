from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchmetrics.functional.detection import panoptic_quality

from mmcd.evaluation.objects import count_objects
from tests.evaluation.drawn_masks import draw_label_and_map

CHANGED, VOID = 0, 9  # categories of the panoptic quality


def boxes(shape: tuple[int, int], *placed: tuple[int, int, int, int]) -> np.ndarray:
    """Rectangles by top, left, height, width."""
    mask = np.zeros(shape, bool)
    for top, left, height, width in placed:
        mask[top : top + height, left : left + width] = True
    return mask


def count(prediction: np.ndarray, label: np.ndarray, valid: np.ndarray | None = None, **options):
    valid = np.ones(label.shape, bool) if valid is None else valid
    found = count_objects(prediction, label, valid, **options)
    return found.matched.tolist(), found.by_size.tolist()


@pytest.mark.parametrize('seed', range(8))
def test_recognition_quality_is_torchmetrics_(seed: int) -> None:
    """The panoptic quality's RQ is the F1 of objects. Its mean over categories is of change only:
    background is void here, so that it is not rated as a segment."""
    label, mask = draw_label_and_map(seed)
    (tp, fp, fn), _ = count(mask > 0, label > 0)
    maps = []
    for changed in (mask > 0, label > 0):
        instances, _ = ndimage.label(changed)
        category = np.where(changed, CHANGED, 1)  # 1: one "stuff" segment, the background
        maps.append(torch.from_numpy(np.stack([category, instances * changed], axis=-1))[None])
    quality = panoptic_quality(
        *maps, things={CHANGED}, stuffs={1}, return_sq_and_rq=True, return_per_class=True
    )
    assert tp and fp and fn
    assert 2 * tp / (2 * tp + fp + fn) == pytest.approx(quality[0, 2].item(), rel=1e-6)


def test_a_case_made_by_hand() -> None:
    shape = (40, 40)
    label = boxes(shape, (0, 0, 10, 10), (0, 20, 10, 10), (20, 0, 10, 10))
    # The first is found at IoU 0.6, the second only at 0.5 exactly, which is none more than half;
    # the third is missed, and something is found where nothing is.
    mask = boxes(shape, (0, 0, 6, 10), (0, 20, 5, 10), (20, 20, 5, 5))
    assert count(mask, label)[0] == [1, 2, 2]
    mask[5, 20] = True  # 51 of 100 pixels
    assert count(mask, label)[0] == [2, 1, 1]


def test_touching_at_a_corner_makes_no_one_object() -> None:
    label = boxes((4, 4), (0, 0, 2, 2), (2, 2, 2, 2))
    assert count(label, label)[0] == [2, 0, 0]


def test_one_region_over_two_objects_finds_none() -> None:
    label = boxes((10, 30), (0, 0, 10, 10), (0, 12, 10, 10))
    assert count(boxes((10, 30), (0, 0, 10, 22)), label)[0] == [0, 1, 2]


def test_small_objects_are_left_out_on_both_sides() -> None:
    label = boxes((30, 30), (0, 0, 10, 10), (20, 20, 2, 2), (20, 0, 3, 3))
    mask = boxes((30, 30), (0, 0, 10, 10), (20, 20, 2, 2), (0, 28, 2, 2))
    assert count(mask, label)[0] == [2, 1, 1]
    assert count(mask, label, min_size=5)[0] == [1, 0, 1]
    # An object just large enough that is found by a region just too small is found all the same.
    smaller = boxes((30, 30), (0, 0, 9, 10))
    assert count(smaller, boxes((30, 30), (0, 0, 10, 10)), min_size=95)[0] == [1, 0, 0]


def test_recall_by_size() -> None:
    label = boxes((60, 60), (0, 0, 2, 2), (10, 0, 4, 4), (20, 0, 4, 4), (30, 0, 20, 20))
    mask = boxes((60, 60), (10, 0, 4, 4), (30, 0, 20, 20))
    assert count(mask, label, size_edges=(16, 100))[1] == [[1, 0], [2, 1], [1, 1]]


def test_ignored_pixels_belong_to_no_object() -> None:
    label = boxes((20, 20), (0, 0, 10, 10))
    valid = ~boxes((20, 20), (0, 6, 20, 14))
    # Of the object 60 pixels count, of which the map has 40; beyond lies only ignored ground.
    mask = boxes((20, 20), (0, 0, 10, 4), (12, 8, 4, 8))
    assert count(mask, label, valid)[0] == [1, 0, 0]
    # Half of it on ground that counts: a false alarm.
    assert count(boxes((20, 20), (12, 4, 4, 4)), label, valid)[0] == [0, 1, 1]


@pytest.mark.parametrize(('changed', 'expected'), [(0, [0, 0, 0]), (1, [1, 0, 0])])
def test_uniform_maps(changed: int, expected: list[int]) -> None:
    mask = np.full((5, 7), bool(changed))
    assert count(mask, mask)[0] == expected
    assert count(mask, ~mask)[0] == ([0, 1, 0] if changed else [0, 0, 1])
