from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from mmcd.evaluation.bootstrap import Bootstrap, sum_by, sum_of_draws
from mmcd.evaluation.confusion import change_counts, change_ratios
from tests.evaluation.counted_images import random_images


def ratios(sums: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return change_ratios(change_counts(sums['confusion']))


@pytest.mark.parametrize('number', [3, 25])
def test_intervals_are_those_of_scipy_on_the_counts(number: int) -> None:
    """As scipy is called on per-image counts: paired, vectorized."""
    confusion = np.stack([image.confusion for image in random_images(number)])
    found = Bootstrap(resamples=9999).intervals(dict(confusion=confusion), ratios)

    def f1(tp: np.ndarray, fp: np.ndarray, fn: np.ndarray, axis: int = -1) -> np.ndarray:
        tp, fp, fn = (counts.sum(axis) for counts in (tp, fp, fn))
        return 200 * tp / (2 * tp + fp + fn)

    counts = confusion[:, 1, 1], confusion[:, 0, 1], confusion[:, 1, 0]
    expected = stats.bootstrap(
        counts, f1, paired=True, vectorized=True, n_resamples=9999, rng=np.random.default_rng(0)
    ).confidence_interval
    assert found['f1'] == pytest.approx(expected, rel=1e-9)
    assert set(found) == {'precision', 'recall', 'f1', 'iou', 'oa', 'kappa'}


def test_the_interval_covers_the_true_figure_as_often_as_it_says() -> None:
    """Of 60 samples of 40 images, more than 50 of the 95 % intervals hold the population's F1."""
    population = np.stack([image.confusion for image in random_images(4000, seed=1)])
    true = ratios(dict(confusion=population.sum(0).astype(float)))['f1']
    rng = np.random.default_rng(2)
    held = 0
    for _ in range(60):
        drawn = dict(confusion=population[rng.integers(0, len(population), 40)])
        low, high = Bootstrap(resamples=499).intervals(drawn, ratios)['f1']
        held += low <= true <= high
    assert held > 50


def test_more_images_make_narrower_intervals_and_copies_of_images_do_not() -> None:
    images = random_images(40)
    few = sum_by([i.counts for i in images[:10]], [i.name for i in images[:10]])
    many = sum_by([i.counts for i in images], [i.name for i in images])
    # Each image cut into 16 crops of equal counts: grouped by image, nothing is gained.
    crops = sum_by([i.counts for i in images[:10] * 16], [i.name for i in images[:10] * 16])
    widths = [np.diff(Bootstrap(resamples=999).intervals(c, ratios)['f1'])[0] for c in (few, many)]
    assert widths[1] < 0.8 * widths[0]
    again = np.diff(Bootstrap(resamples=999).intervals(crops, ratios)['f1'])[0]
    assert again == pytest.approx(widths[0], rel=1e-9)


@pytest.mark.parametrize('confusion', [[[90, 0], [10, 0]], [[90, 10], [0, 0]], [[100, 0], [0, 0]]])
def test_a_dead_model_has_intervals_of_zero(confusion: list) -> None:
    counts = dict(confusion=np.array([confusion, confusion, confusion]) * [[[1]], [[2]], [[3]]])
    found = Bootstrap(resamples=99).intervals(counts, ratios)
    assert found['f1'] == found['iou'] == (0, 0)
    assert all(np.isfinite(ends).all() for ends in found.values())


def test_one_image_has_none() -> None:
    with pytest.raises(ValueError, match='needs two images or more, but there are 1'):
        Bootstrap().intervals(dict(confusion=np.ones((1, 2, 2))), ratios)


def test_sums_of_draws() -> None:
    counts = dict(a=np.arange(6).reshape(3, 2), b=np.array([1, 10, 100]))
    drawn = np.array([[0, 0, 2], [1, 1, 1]])
    sums = sum_of_draws(counts, drawn)
    np.testing.assert_array_equal(sums['a'], [[4, 7], [6, 9]])
    np.testing.assert_array_equal(sums['b'], [102, 30])
    np.testing.assert_array_equal(sum_of_draws(counts, drawn[0])['a'], [4, 7])


def test_sums_by_group_keep_the_order() -> None:
    sums = sum_by([dict(a=np.array(value)) for value in (1, 10, 100)], ['y', 'x', 'y'])
    assert sums['a'].tolist() == [101, 10]
