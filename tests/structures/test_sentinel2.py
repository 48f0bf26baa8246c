"""Sentinel-2's bands by name, and the offset of its newer products."""

import numpy as np
import pytest

from mmcd.structures.sentinel2 import (
    SENTINEL2_BANDS,
    find_baseline_offset,
    sentinel2_file_name,
)

MEDIANS = np.linspace(400, 3000, 13)


def test_each_band_goes_by_both_names():
    for name, common in SENTINEL2_BANDS.items():
        assert sentinel2_file_name(name) == sentinel2_file_name(common) == name
    assert sentinel2_file_name('B13') is None


def test_the_order_is_that_of_wavelengths():
    assert list(SENTINEL2_BANDS).index('B8A') == 8


@pytest.mark.parametrize('sign', [1, -1])
def test_an_offset_in_all_bands_is_found_in_spite_of_season(sign):
    season = np.linspace(-300, 300, 13)
    assert find_baseline_offset(MEDIANS, MEDIANS + season + sign * 1000) == sign * 1000


@pytest.mark.parametrize(
    'difference', [np.zeros(13), np.linspace(0, 2000, 13), np.full(13, 500.0), np.full(13, 1800.0)]
)
def test_season_alone_is_no_offset(difference):
    assert find_baseline_offset(MEDIANS, MEDIANS + difference) == 0
