from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import distributed
from torch import multiprocessing as mp

from mmcd.evaluation import ChangeMetric, change_ratios, count_pixels, sum_counts
from mmcd.registry import METRICS

KEYS = {f'change/{key}' for key in ('precision', 'recall', 'f1', 'iou', 'oa', 'kappa')}


def make_samples(number: int, seed: int = 0, *, dtype: torch.dtype = torch.int64) -> list[dict]:
    """Samples as the evaluator hands them on, some of whose pixels are ignored."""
    generator = torch.Generator().manual_seed(seed)
    samples = []
    for _ in range(number):
        height, width = torch.randint(8, 20, (2,), generator=generator).tolist()
        label = torch.randint(0, 2, (1, height, width), generator=generator)
        label[torch.rand(label.shape, generator=generator) < 0.1] = 255
        prediction = torch.randint(0, 2, (1, height, width), generator=generator).to(dtype)
        samples.append(dict(pred_sem_seg=dict(data=prediction), gt_sem_seg=dict(data=label)))
    return samples


def expected_ratios(samples: list[dict]) -> dict[str, float]:
    counts = [count_pixels(s['pred_sem_seg']['data'], s['gt_sem_seg']['data']) for s in samples]
    return {f'change/{key}': value for key, value in change_ratios(sum_counts(counts)).items()}


def evaluate(samples: list[dict], batch_size: int, size: int | None = None, **options) -> dict:
    metric = ChangeMetric(**options)
    for start in range(0, len(samples), batch_size):
        metric.process({}, samples[start : start + batch_size])
    return metric.evaluate(size or len(samples))


def test_keys_and_registration():
    metric = METRICS.build(dict(type='ChangeMetric'))
    metric.process({}, make_samples(2))
    assert metric.evaluate(2).keys() == KEYS


@pytest.mark.parametrize('batch_size', [1, 3, 7])
def test_counts_of_all_images_together(batch_size):
    samples = make_samples(7)
    assert evaluate(samples, batch_size) == expected_ratios(samples)


def test_not_the_mean_over_images():
    samples = make_samples(7)
    each = [expected_ratios([sample])['change/f1'] for sample in samples]
    assert evaluate(samples, 1)['change/f1'] != pytest.approx(np.mean(each), rel=1e-6)


@pytest.mark.parametrize('batch_size', [1, 4])
def test_samples_that_pad_the_last_batch_are_left_out(batch_size):
    """MMEngine cuts the entries to the data set's length, so there must be one a sample."""
    samples = make_samples(5)
    padded = [*samples, *make_samples(3, seed=9)]
    assert evaluate(padded, batch_size, size=5) == expected_ratios(samples)


def test_float_predictions_of_one_channel_heads():
    samples = make_samples(3, dtype=torch.float32)
    assert evaluate(samples, 2) == expected_ratios(make_samples(3))


def test_ignored_pixels_change_nothing():
    samples = make_samples(3)
    expected = evaluate(samples, 1)
    for sample in samples:
        ignored = sample['gt_sem_seg']['data'] == 255
        assert ignored.any()
        sample['pred_sem_seg']['data'][ignored] ^= 1
    assert evaluate(samples, 1) == expected


def test_images_of_one_pixel_width():
    sample = dict(
        pred_sem_seg=dict(data=torch.ones(1, 5, 1)), gt_sem_seg=dict(data=torch.ones(1, 5, 1))
    )
    assert evaluate([sample], 1)['change/f1'] == 100


def test_another_prefix_and_ignore_index():
    sample = dict(
        pred_sem_seg=dict(data=torch.tensor([[[0, 1]]])),
        gt_sem_seg=dict(data=torch.tensor([[[9, 1]]])),
    )
    assert evaluate([sample], 1, prefix='val', ignore_index=9)['val/oa'] == 100


def test_a_second_evaluation_starts_anew():
    metric = ChangeMetric()
    metric.process({}, make_samples(2))
    metric.evaluate(2)
    samples = make_samples(2, seed=5)
    metric.process({}, samples)
    assert metric.evaluate(2) == expected_ratios(samples)


def test_several_kinds_of_change_add_ratios_of_each_class():
    metric = ChangeMetric()
    metric.dataset_meta = dict(classes=('unchanged', 'built', 'razed'))
    samples = make_samples(3)
    binary = expected_ratios(samples)
    for sample in samples:
        for key in ('pred_sem_seg', 'gt_sem_seg'):
            sample[key]['data'] *= 1 + (sample[key]['data'] == 1)  # 1 becomes 2
    metric.process({}, samples)
    ratios = metric.evaluate(3)
    assert {key: ratios[key] for key in KEYS} == binary
    assert ratios['change/iou_razed'] == binary['change/iou'] and ratios['change/f1_built'] == 0
    assert ratios.keys() - KEYS == {
        f'change/{key}'
        for name in ('iou', 'f1')
        for key in (f'm{name}', *(f'{name}_{kind}' for kind in metric.dataset_meta['classes']))
    }


def evaluate_share(rank: int, world_size: int, number: int, batch_size: int, out: str) -> None:
    """What one process of a distributed test does with MMEngine's sampler."""
    from mmengine.dataset import DefaultSampler

    torch.set_num_threads(1)
    os.environ |= {'RANK': str(rank), 'LOCAL_RANK': str(rank), 'WORLD_SIZE': str(world_size)}
    store = distributed.FileStore(f'{out}.store', world_size)
    distributed.init_process_group('gloo', store=store, rank=rank, world_size=world_size)
    try:
        samples = make_samples(number)
        share = [samples[i] for i in DefaultSampler(samples, shuffle=False)]
        torch.save(evaluate(share, batch_size, size=number), f'{out}.{rank}')
    finally:
        distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.parametrize(('number', 'batch_size'), [(7, 2)])
def test_two_processes_give_the_same_to_the_last_digit(tmp_path: Path, number, batch_size):
    """Seven samples: the sampler gives one of them to both, which must count once."""
    out = str(tmp_path / 'result')
    mp.spawn(evaluate_share, args=(2, number, batch_size, out), nprocs=2)
    expected = evaluate(make_samples(number), batch_size)
    assert torch.load(f'{out}.0') == expected
    assert torch.load(f'{out}.1') == expected
