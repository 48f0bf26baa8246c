from __future__ import annotations

import json

import numpy as np
import pytest

from mmcd.scene.preparation import Preparation, to_bytes
from mmcd.scene.sampling import DateSample
from mmcd.scene.settings import SceneSettings


def sample(dtype: type, low: int, high: int) -> DateSample:
    values = np.linspace(low, high, 1001).round().astype(dtype)[None].repeat(2, 0)
    return DateSample(values, np.ones(1001, bool), (1,))


def prepare(before: DateSample, after: DateSample, **settings) -> Preparation:
    return Preparation.of(before, after, SceneSettings(**settings))


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
    assert prepared.before.low[0] == pytest.approx(40, abs=2)
    assert prepared.before.high[0] == pytest.approx(2920, abs=5)


def test_or_one_each() -> None:
    prepared = prepare(
        sample(np.uint16, 0, 1000), sample(np.uint16, 1000, 3000), scaling='per-date'
    )
    assert prepared.before.low == (20, 20) and prepared.after.low == (1040, 1040)
    assert 'after: 1040..2960, 1040..2960' in prepared.describe()


def test_8_bit_beside_16_bit() -> None:
    prepared = prepare(sample(np.uint8, 0, 255), sample(np.uint16, 1000, 3000), scaling='shared')
    assert prepared.before is None and prepared.after.low == (1040, 1040)
    assert prepared.describe().startswith('before: as read')


def test_a_given_range() -> None:
    prepared = prepare(sample(np.uint16, 0, 9), sample(np.float32, 0, 9), value_range=(0, 10_000))
    assert prepared.before == prepared.after and prepared.before.high == (10_000, 10_000)


def test_json_gives_it_back_exactly() -> None:
    prepared = prepare(sample(np.uint16, 3, 1003), sample(np.uint16, 7, 3001), scaling='per-date')
    again = Preparation.from_dict(json.loads(json.dumps(prepared.to_dict())))
    assert again.to_dict() == prepared.to_dict()
    pixels = np.arange(6).reshape(2, 1, 3).astype(np.uint16) * 500
    assert (to_bytes(pixels, again.after) == to_bytes(pixels, prepared.after)).all()
