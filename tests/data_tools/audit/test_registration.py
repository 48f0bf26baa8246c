from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmcd.data_tools.audit.registration import CLEAR, estimate_shift
from tests.data_tools.audit.planting import draw
from tests.golden import SHARED, needs_samples


def dates(size: int = 160) -> tuple[np.ndarray, np.ndarray]:
    before, after, _ = draw(np.random.RandomState(3))
    return tuple(
        cv2.resize(cv2.cvtColor(d, cv2.COLOR_RGB2GRAY), (size, size)).astype(np.float32)
        for d in (before, after)
    )


@pytest.mark.parametrize(('down', 'right'), [(0, 0), (5, 0), (0, -5), (-7, 12), (20, 20)])
def test_a_planted_shift_is_found(down, right):
    before, after = dates()
    shift = estimate_shift(before, np.roll(after, (down, right), (0, 1)))
    assert (shift.down, shift.right) == (down, right)
    assert shift.clarity > CLEAR
    assert shift.length == pytest.approx(np.hypot(down, right))


def test_other_light_does_not_hide_it():
    before, after = dates()
    shift = estimate_shift(before, 255 - 0.5 * np.roll(after, 6, 0))
    assert (shift.down, shift.right) == (6, 0)


def test_unrelated_images_are_not_clear():
    rng = np.random.RandomState(0)
    for _ in range(10):
        first, second = rng.rand(2, 128, 128).astype(np.float32)
        assert estimate_shift(first, second).clarity < CLEAR


def test_too_small_or_empty():
    assert estimate_shift(*np.zeros((2, 40, 100), np.float32)) is None
    assert estimate_shift(*np.zeros((2, 100, 100), np.float32)) is None


@needs_samples
@pytest.mark.parametrize('name', ['LEVIR-CD/test/{}/test_3', 'SZTAKI-AirChange/{}/Szada_1'])
def test_real_pairs(name):
    before, after = (
        cv2.imread(str(SHARED / 'data' / f'{name.format(f)}.png'), 0).astype(np.float32)
        for f in 'AB'
    )
    own = estimate_shift(before, after)
    assert own.clarity > CLEAR and own.length < 2
    moved = estimate_shift(before[5:], after[:-5])
    assert (moved.down, moved.right) == (own.down + 5, own.right)
