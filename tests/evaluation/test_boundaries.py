from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mmcd.evaluation.boundaries import count_boundaries
from tests.evaluation.drawn_masks import draw_label_and_map


def count(prediction: np.ndarray, label: np.ndarray, tolerance: float, valid=None) -> list[int]:
    valid = np.ones(label.shape, bool) if valid is None else valid
    return count_boundaries(prediction, label, valid, tolerance).tolist()


def square(shape: tuple[int, int], top: int, left: int, size: int) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[top : top + size, left : left + size] = True
    return mask


@pytest.mark.parametrize('tolerance', [0, 1, 1.5, 2, 5])
@pytest.mark.parametrize('seed', range(3))
def test_against_scipy_s_distances(seed: int, tolerance: float) -> None:
    label, mask = draw_label_and_map(seed)
    edges = []
    for changed in (mask > 0, label > 0):
        edges.append(changed & ~ndimage.binary_erosion(changed, border_value=1))
    expected = []
    for own, other in (edges, edges[::-1]):
        near = ndimage.distance_transform_edt(~other)[own] <= tolerance
        expected += [own.sum(), near.sum()]
    assert count(mask > 0, label > 0, tolerance) == expected


def test_a_shifted_square() -> None:
    label, mask = square((40, 40), 10, 10, 10), square((40, 40), 10, 13, 10)
    assert count(label, label, 0) == [36, 36, 36, 36]
    # By three pixels: within a tolerance of three all of it, of two all but the shifted sides.
    assert count(mask, label, 3) == [36, 36, 36, 36]
    own, near, *_ = count(mask, label, 2)
    assert own == 36 and 0 < near < 36


def test_the_image_s_border_is_no_boundary() -> None:
    whole = np.ones((9, 9), bool)
    assert count(whole, whole, 1) == [0, 0, 0, 0]
    half = np.zeros((9, 9), bool)
    half[:, :4] = True
    assert count(half, half, 1) == [9, 9, 9, 9]


def test_what_touches_ignored_pixels_is_left_out() -> None:
    label = square((30, 30), 10, 10, 10)
    valid = np.ones((30, 30), bool)
    valid[:, 15:] = False
    kept = count(label, label, 1, valid)
    # Of 36 boundary pixels those in the columns 10 to 13.
    assert kept == [10 + 2 * 3] * 4
    assert count(label ^ ~valid, label, 1, valid) == kept


def test_where_only_one_has_a_boundary() -> None:
    some, none = square((20, 20), 5, 5, 4), np.zeros((20, 20), bool)
    assert count(some, none, 2) == [12, 0, 0, 0]
    assert count(none, some, 2) == [0, 0, 12, 0]
