from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.evaluation import ChangeMetric
from mmcd.evaluation.bootstrap import Bootstrap
from mmcd.evaluation.detail import Detail
from mmcd.evaluation.record import make_record
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from tests.evaluation.drawn_masks import draw_label_and_map

KINDS = ('unchanged', 'built', 'felled')


def drawn_samples(number: int, classes: int = 2, *, dead: bool = False) -> list[dict]:
    """Samples as the evaluator hands them on, with probabilities that fit their maps."""
    samples = []
    for seed in range(number):
        label, mask = draw_label_and_map(seed, classes=classes, ignored=True)
        mask = mask * (not dead)
        scores = np.random.default_rng(seed).random((classes, *label.shape)) + 1.5 * (
            np.arange(classes)[:, None, None] == mask
        )
        samples.append(
            dict(
                pred_sem_seg=dict(data=torch.from_numpy(mask)[None]),
                gt_sem_seg=dict(data=torch.from_numpy(label)[None].long()),
                seg_logits=dict(data=torch.from_numpy(scores).float()),
                before_path=f'A/{seed}.png',
            )
        )
    return samples


def evaluated(samples: list[dict], **options) -> tuple[ChangeMetric, dict]:
    metric = ChangeMetric(**options)
    if samples[0]['seg_logits']['data'].shape[0] == 3:
        metric.dataset_meta = dict(classes=KINDS)
    metric.process({}, samples)
    return metric, metric.evaluate(len(samples))


def test_figures_of_change() -> None:
    metric, found = evaluated(drawn_samples(4), detail=True)
    expected = [
        *(f'object_{ratio}' for ratio in ('precision', 'recall', 'f1')),
        *(f'boundary_{ratio}' for ratio in ('precision', 'recall', 'f1')),
        *('average_precision', 'calibration_error', 'calibration_error_change'),
    ]
    assert {f'change/{key}' for key in expected} <= found.keys()
    assert all(0 < found[f'change/{key}'] < 100 for key in expected)
    assert found['change/f1'] == evaluated(drawn_samples(4))[1]['change/f1']
    record = make_record(
        metric.images,
        BINARY_CHANGE,
        dict(metres_per_pixel=0.5),
        detail=metric.detail,
        bootstrap=Bootstrap(resamples=99),
    )
    for key in expected:
        low, high = record['intervals'][key]
        assert low <= record['metrics'][key] <= high and low < high
    curves = record['curves']['change']
    assert sum(each['objects'] for each in curves['objects_by_size']) == sum(
        image['objects'][0][0] + image['objects'][0][2] for image in record['images']
    )
    assert curves['objects_by_size'][1]['min_m2'] == 64 / 4
    at_half = curves['precision_recall']['threshold'].index(0.5)
    assert curves['precision_recall']['f1'][at_half] > 0
    assert record['protocol']['detail']['boundary_tolerance'] == 2


def test_kinds_of_change_each_and_their_mean() -> None:
    metric, found = evaluated(drawn_samples(4, 3), detail=dict(boundary_tolerance=1))
    for key in ('object_f1', 'boundary_f1', 'average_precision', 'calibration_error'):
        each = [found[f'change/{key}_{kind}'] for kind in KINDS[1:]]
        assert found[f'change/m{key}'] == pytest.approx(np.mean(each))
        assert f'change/{key}_unchanged' not in found and found[f'change/{key}'] > 0
    record = make_record(
        metric.images,
        ChangeClasses(KINDS, ((0, 0, 0),) * 3),
        {},
        detail=metric.detail,
        bootstrap=Bootstrap(resamples=19),
    )
    assert list(record['curves']) == ['change', 'built', 'felled']


@pytest.mark.parametrize('classes', [2, 3])
def test_a_dead_model_gives_zero(classes: int) -> None:
    samples = drawn_samples(3, classes, dead=True)
    for sample in samples:
        scores = torch.full_like(sample['seg_logits']['data'], -200.0)
        scores[0] = 0
        sample['seg_logits']['data'] = scores
    _, found = evaluated(samples, detail=True)
    for key, value in found.items():
        assert np.isfinite(value), key
        if 'object' in key or 'boundary' in key:
            assert value == 0, key


def test_the_gap_between_both_orders_of_the_dates() -> None:
    samples = drawn_samples(2)
    for sample in samples:
        sample['exchanged_sem_seg'] = dict(data=sample['pred_sem_seg']['data'].clone())
    assert evaluated(samples)[1]['change/exchange_gap'] == 0
    differing = either = 0
    for sample in samples:
        label = sample['gt_sem_seg']['data'].squeeze()
        mask, other = (
            sample[key]['data'].squeeze() for key in ('pred_sem_seg', 'exchanged_sem_seg')
        )
        other[:40] = 0
        valid = label != 255
        differing += int(((mask != other) & valid).sum())
        either += int(((mask > 0) & valid).sum())
    metric, found = evaluated(samples)
    assert found['change/exchange_gap'] == pytest.approx(100 * differing / either)
    record = make_record(metric.images, BINARY_CHANGE, {}, bootstrap=Bootstrap(resamples=99))
    low, high = record['intervals']['exchange_gap']
    assert 0 < low < record['metrics']['exchange_gap'] < high


def test_a_tolerance_in_metres() -> None:
    metric = ChangeMetric(detail=dict(boundary_metres=2.0))
    metric.dataset_meta = dict(image=dict(metres_per_pixel=0.5))
    assert metric.detail.tolerance(0.5) == 4
    assert metric.detail.describe(0.5)['boundary_tolerance'] == 4
    samples = drawn_samples(2)
    metric.process({}, samples)
    four = evaluated(samples, detail=dict(boundary_tolerance=4))[1]
    assert metric.evaluate(2) == four
    with pytest.raises(ConfigError, match=r'of 2\.0 m needs the ground resolution'):
        metric.detail.tolerance(None)


@pytest.mark.parametrize(
    'settings',
    [dict(object_min_size=0), dict(boundary_tolerance=-1), dict(object_size_edges=[4, 4])],
)
def test_settings_that_cannot_be_used(settings: dict) -> None:
    with pytest.raises(ConfigError, match='Objects must have 1 pixel or more'):
        Detail(**settings)


def test_unknown_settings_are_named() -> None:
    with pytest.raises(ConfigError, match=r"detail has the settings object_min_size.*'min': 3"):
        ChangeMetric(detail=dict(min=3))
    assert ChangeMetric(detail=False).detail is None


def test_a_record_needs_no_word_on_the_default_details() -> None:
    metric, _ = evaluated(drawn_samples(3), detail=True)
    curves = [
        make_record(metric.images, BINARY_CHANGE, {}, detail=detail)['curves']
        for detail in (None, metric.detail)
    ]
    assert curves[0] == curves[1] != {}


def test_scores_with_a_gradient_count_as_those_without() -> None:
    samples = drawn_samples(2)
    expected = evaluated(samples, detail=True)[1]
    for sample in samples:
        sample['seg_logits']['data'].requires_grad_()
    assert evaluated(samples, detail=True)[1] == expected
