from __future__ import annotations

import json

import numpy as np
import pytest

from mmcd.scene.radiometry import NoDataFill, Radiometry, ValueRange, fit_range, to_bytes
from mmcd.scene.sampling import DateSample
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageStatistics
from tests.scene.rasters import draw_ground


def sample(dtype: type, low: int, high: int) -> DateSample:
    values = np.linspace(low, high, 1001).round().astype(dtype)[None].repeat(2, 0)
    return DateSample(values, np.ones(1001, bool), (1,))


def prepare(before: DateSample, after: DateSample, **settings) -> Radiometry:
    return Radiometry.of(before, after, SceneSettings(**settings))


def test_without_a_scaling_values_stay_as_they_are() -> None:
    prepared = prepare(sample(np.uint16, 0, 1000), sample(np.uint16, 1000, 3000))
    assert prepared.before is None and prepared.describe() == 'as read'
    assert prepared.fill.after.mean[0] == pytest.approx(2000, rel=0.1)


def test_8_bit_stays_as_it_is() -> None:
    prepared = prepare(sample(np.uint8, 0, 255), sample(np.uint8, 0, 100), scaling='shared')
    assert prepared.before is None and prepared.after is None
    assert prepared.describe() == 'as read'


def test_16_bit_has_one_range_for_both_dates() -> None:
    prepared = prepare(sample(np.uint16, 0, 1000), sample(np.uint16, 1000, 3000), scaling='shared')
    assert prepared.before == prepared.after and prepared.before is not None
    assert prepared.before.low[0] < 0 and prepared.before.high[0] > 3000


def test_or_one_each() -> None:
    prepared = prepare(
        sample(np.uint16, 0, 1000), sample(np.uint16, 1000, 3000), scaling='per-date'
    )
    low, high = np.array([prepared.before.low, prepared.after.low])
    np.testing.assert_allclose(high - 1000, 2 * low, rtol=0.01)
    assert '; after: ' in prepared.describe()


def test_8_bit_beside_16_bit() -> None:
    prepared = prepare(sample(np.uint8, 0, 255), sample(np.uint16, 1000, 3000), scaling='shared')
    assert prepared.before is None and prepared.after.low[0] == pytest.approx(777, abs=2)
    assert prepared.describe().startswith('before: as read')


def test_a_given_range() -> None:
    prepared = prepare(sample(np.uint16, 0, 9), sample(np.float32, 0, 9), value_range=(0, 10_000))
    assert prepared.before == prepared.after and prepared.before.high == (10_000, 10_000)


def test_json_gives_it_back_exactly() -> None:
    prepared = prepare(sample(np.uint16, 3, 1003), sample(np.uint16, 7, 3001), scaling='per-date')
    again = Radiometry.from_dict(json.loads(json.dumps(prepared.to_dict())))
    assert again.to_dict() == prepared.to_dict()
    pixels = np.arange(6).reshape(2, 1, 3).astype(np.uint16) * 500
    assert (to_bytes(pixels, again.after) == to_bytes(pixels, prepared.after)).all()


@pytest.mark.parametrize('dtype', [np.uint16, np.int16, np.float32, np.int32])
def test_all_types_scale_alike(dtype: type) -> None:
    values = np.array([[[0, 100, 160, 200, 5000]], [[0, 1000, 2200, 3000, 9]]]).astype(dtype)
    scaled = ValueRange((100, 1000), (200, 3000)).to_bytes(values)
    assert scaled.dtype == np.uint8
    np.testing.assert_array_equal(scaled, [[[0, 0, 153, 255, 255]], [[0, 0, 153, 255, 0]]])


def test_negative_values() -> None:
    values = np.array([[[-300, -200, -80, 0, 32767, -32768]]], np.int16)
    scaled = ValueRange((-200,), (0,)).to_bytes(values)
    np.testing.assert_array_equal(scaled, [[[0, 0, 153, 255, 255, 0]]])


def test_not_a_number_is_no_error() -> None:
    assert ValueRange((0,), (1,)).to_bytes(np.array([[[np.nan, 1]]])).tolist() == [[[0, 255]]]


def test_the_range_gives_the_mean_and_the_deviation_of_training() -> None:
    rng = np.random.default_rng(0)
    samples = np.stack([rng.normal(3000, 400, 9000), rng.normal(700, 50, 9000)]).astype(np.uint16)
    known = ImageStatistics((100.0, 130.0), (40.0, 30.0))
    scaled = fit_range(samples, known).to_bytes(samples[:, None])
    np.testing.assert_allclose(scaled.mean(axis=(1, 2)), known.mean, atol=1)
    np.testing.assert_allclose(scaled.std(axis=(1, 2)), known.deviation, atol=1)


def test_a_few_glints_do_not_decide_about_the_range() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(3000, 400, (1, 9000))
    known = ImageStatistics.typical(1)
    plain = fit_range(samples, known)
    samples[:, :5] = 60_000
    np.testing.assert_allclose(fit_range(samples, known).high, plain.high, rtol=0.02)


def test_a_band_of_one_value_has_a_range() -> None:
    fitted = fit_range(np.full((1, 50), 7), ImageStatistics.typical(1))
    assert fitted.low[0] < 7 < fitted.high[0]


def test_without_any_data_there_is_a_range() -> None:
    assert fit_range(np.empty((2, 0)), ImageStatistics.typical(2)).high == (1, 1)


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
