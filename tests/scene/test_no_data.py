from __future__ import annotations

import numpy as np

from mmcd.scene.no_data import NoDataFill
from tests.scene.rasters import draw_ground

ALL = np.ones((64, 64), bool)


def fill_for(pair: np.ndarray) -> NoDataFill:
    return NoDataFill.of(*np.split(pair.reshape(6, -1), 2))


def test_with_data_everywhere_nothing_changes() -> None:
    pair = np.concatenate([draw_ground(64, 64), draw_ground(64, 64, seed=1)])
    filled = pair.copy()
    fill_for(pair).fill(filled, ALL, ALL)
    np.testing.assert_array_equal(filled, pair)


def test_a_date_borrows_the_other_ones_ground_in_its_own_light() -> None:
    """The after image is 30 brighter, of half the contrast: filled, it is nearly what it was."""
    before = draw_ground(64, 64)
    after = (before * 0.5 + 80).astype(np.uint8)
    fill = fill_for(np.concatenate([before, after]))
    missing = np.zeros((64, 64), bool)
    missing[20:40, 10:30] = True
    for valid_before, valid_after in ((~missing, ALL), (ALL, ~missing)):
        pair = np.concatenate([before * valid_before, after * valid_after])
        fill.fill(pair, valid_before, valid_after)
        restored = np.concatenate([before, after]).astype(int)
        assert np.abs(pair.astype(int) - restored).max() <= 2


def test_a_change_does_not_count() -> None:
    """A fifth of the after image is new: the light between the dates is still found."""
    before = draw_ground(64, 64)
    after = (before * 0.5 + 80).astype(np.uint8)
    after[:, :13] = 255
    fill = fill_for(np.concatenate([before, after]))
    missing = np.zeros((64, 64), bool)
    missing[20:40, 10:30] = True
    pair = np.concatenate([before, after * ~missing])
    fill.fill(pair, ALL, ~missing)
    assert np.abs(pair[3:].astype(int) - after).max() <= 2


def test_where_neither_has_data_both_get_their_mean() -> None:
    pair = np.concatenate([draw_ground(64, 64), draw_ground(64, 64, seed=1)])
    fill = fill_for(pair)
    neither = np.zeros((64, 64), bool)
    neither[5, 6] = True
    fill.fill(pair, ~neither, ~neither)
    np.testing.assert_array_equal(pair[:3, 5, 6], fill.before.mean.round())
    np.testing.assert_array_equal(pair[3:, 5, 6], fill.after.mean.round())


def test_statistics_of_nothing() -> None:
    nothing = np.empty((3, 0), np.uint8)
    assert NoDataFill.of(nothing, nothing).before.mean.tolist() == [127, 127, 127]
