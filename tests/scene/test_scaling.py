from __future__ import annotations

import numpy as np
import pytest

from mmcd.scene.scaling import ValueRange, fit_range


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


def test_the_range_of_percentiles() -> None:
    samples = np.stack([np.arange(101), np.full(101, 7)])
    fitted = fit_range(samples)
    assert fitted.low == (2, 7) and fitted.high == (98, 8)


def test_without_any_data_there_is_a_range() -> None:
    assert fit_range(np.empty((2, 0))).high == (1, 1)
