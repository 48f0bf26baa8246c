from __future__ import annotations

import numpy as np
import pytest

from mmcd.datasets import ExchangeDates, StackPair
from mmcd.datasets.transforms.pairing import stack_dates
from mmcd.errors import ConfigError
from mmcd.registry import TRANSFORMS


def stacked(bands: int = 3) -> dict:
    before = np.arange(2 * 4 * bands, dtype=np.uint8).reshape(2, 4, bands)
    return StackPair()(dict(before=before, after=before + 100, gt_seg_map=np.eye(2, 4)))


@pytest.mark.parametrize('bands', [1, 3, 13])
def test_before_comes_first(bands):
    results = stacked(bands)
    assert results['img'].shape == (2, 4, 2 * bands)
    assert (results['img'][..., bands:] == results['img'][..., :bands] + 100).all()
    assert results['img'][0, 0, 0] == 0
    assert results['img_shape'] == results['ori_shape'] == (2, 4)
    assert 'before' not in results and 'after' not in results


@pytest.mark.parametrize('bands', [1, 3, 13])
def test_exchange_swaps_the_dates_and_leaves_the_label(bands):
    results = ExchangeDates(prob=1.0)(stacked(bands))
    assert results['dates_exchanged']
    assert (results['img'][..., :bands] == results['img'][..., bands:] + 100).all()
    assert (results['gt_seg_map'] == np.eye(2, 4)).all()
    again = ExchangeDates(prob=1.0)(results)
    assert (again['img'] == stacked(bands)['img']).all()


def test_exchange_swaps_labels_that_tell_appearing_from_vanishing():
    results = stacked()
    label = np.array([[0, 1, 2, 3, 255]], np.uint8)
    exchange = ExchangeDates(prob=1.0, swap_labels=(1, 2))
    swapped = exchange({**results, 'gt_seg_map': label})['gt_seg_map']
    assert swapped.tolist() == [[0, 2, 1, 3, 255]]
    assert swapped.dtype == np.uint8


def test_exchange_never():
    results = ExchangeDates(prob=0.0)(stacked())
    assert not results['dates_exchanged']
    assert (results['img'] == stacked()['img']).all()


@pytest.mark.parametrize('prob', [0.25, 0.5])
def test_exchange_keeps_its_probability(prob):
    np.random.seed(0)
    exchange = ExchangeDates(prob=prob)
    swapped = []
    for _ in range(2000):
        results = exchange(stacked())
        swapped.append(results['dates_exchanged'])
        assert (results['img'][0, 0, 0] == 100) == results['dates_exchanged']
    # Four standard deviations.
    assert np.mean(swapped) == pytest.approx(prob, abs=4 * np.sqrt(prob * (1 - prob) / 2000))


def test_exchange_follows_the_seed_of_numpy():
    def draw(seed: int) -> list[bool]:
        np.random.seed(seed)
        exchange = ExchangeDates()
        return [exchange(stacked())['dates_exchanged'] for _ in range(50)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize('prob', [-0.1, 1.5])
def test_no_probability(prob):
    with pytest.raises(ConfigError, match=rf'must lie in 0\.\.1, got {prob}'):
        ExchangeDates(prob=prob)


class TestColourPerDate:
    """MMCV's broadcaster gives each date its own colours, between reading and stacking."""

    TRANSFORM = dict(
        type='TransformBroadcaster',
        mapping={'img': ['before', 'after']},
        auto_remap=True,
        share_random_params=False,
        transforms=[dict(type='mmseg.PhotoMetricDistortion')],
    )

    def test_dates_change_apart_and_the_label_does_not(self):
        np.random.seed(0)
        rng = np.random.RandomState(1)
        image = rng.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        label = rng.randint(0, 2, (16, 16)).astype(np.uint8)
        jitter = TRANSFORMS.build(self.TRANSFORM)
        apart = 0
        for _ in range(40):
            results = jitter(dict(before=image.copy(), after=image.copy(), gt_seg_map=label.copy()))
            assert results['before'].shape == results['after'].shape == image.shape
            assert (results['gt_seg_map'] == label).all()
            apart += (results['before'] != results['after']).any()
            stacked = StackPair()(results)
            assert stacked['img'].shape == (16, 16, 6)
        assert apart > 30


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32', 'bool', 'int64'])
@pytest.mark.parametrize('bands', [1, 3, 13, 40])
def test_stacking_is_concatenation(bands, dtype):
    rng = np.random.RandomState(0)
    before, after = rng.randint(0, 250, (2, 9, 7, bands)).astype(dtype)
    for first, second in ((before, after), (before[:, ::-1], after[::-1]), (before, after * 1.0)):
        pair = stack_dates(first, second)
        np.testing.assert_array_equal(pair, np.concatenate([first, second], axis=2))
        assert pair.dtype == np.result_type(first, second)
