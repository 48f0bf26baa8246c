"""Batches cross from a loading process in few bytes, and arrive as pseudo_collate makes them."""

import pickle

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.datasets import BitemporalDataset
from mmcd.engine.compact_batch import CompactBatch, compact_collate
from mmcd.engine.exact_data import build_exact_loader
from tests.tiny_pairs import write_tiny_pairs


def sample(size=(8, 6), low=0, high=2, **fields):
    generator = np.random.default_rng(size[0])
    label = torch.from_numpy(generator.integers(low, high, (1, *size)))
    data = SegDataSample(metainfo=dict(pair_name=f'of {size}', flip=True))
    data.gt_sem_seg = PixelData(data=label, **fields)
    return dict(inputs=torch.full((6, *size), 3, dtype=torch.uint8), data_samples=data)


def crossed(samples):
    """What of a batch arrives on the other side."""
    return pickle.loads(pickle.dumps(compact_collate(samples)))


def assert_same(one, other):
    assert type(one) is dict and one.keys() == other.keys()
    for got, expected in zip(one['inputs'], other['inputs'], strict=True):
        assert got.dtype == expected.dtype and torch.equal(got, expected)
    for got, expected in zip(one['data_samples'], other['data_samples'], strict=True):
        assert type(got) is type(expected)
        assert dict(got.metainfo_items()) == dict(expected.metainfo_items())
        assert got.keys() == expected.keys()
        if 'gt_sem_seg' in expected:
            label, wanted = got.gt_sem_seg.data, expected.gt_sem_seg.data
            assert label.dtype == wanted.dtype and torch.equal(label, wanted)
            assert got.gt_sem_seg.keys() == expected.gt_sem_seg.keys()


def test_a_batch_arrives_as_it_was_in_a_fraction_of_the_bytes():
    samples = [sample((64, 64)), sample((64, 64), high=256)]
    assert_same(crossed(samples), pseudo_collate(samples))
    pixels = 2 * 64 * 64
    assert len(pickle.dumps(compact_collate(samples))) < 7.5 * pixels  # 6 bands and the label
    assert len(pickle.dumps(pseudo_collate(samples))) > 14 * pixels


def test_a_batch_that_does_not_cross_is_that_of_pseudo_collate():
    samples = [sample(), sample()]
    batch = compact_collate(samples)
    assert isinstance(batch, CompactBatch)
    assert batch['inputs'][0] is samples[0]['inputs']
    pickle.dumps(batch)
    assert 'gt_sem_seg' in samples[0]['data_samples']


@pytest.mark.parametrize(
    'samples',
    [
        pytest.param([sample((8, 6)), sample((6, 8))], id='sizes'),
        pytest.param([sample(low=-1), sample()], id='negative'),
        pytest.param([sample(high=400), sample()], id='large'),
        pytest.param([sample(weight=torch.ones(1, 8, 6)), sample()], id='more than a label'),
        pytest.param(
            [dict(inputs=torch.zeros(6, 4, 4), data_samples=SegDataSample())], id='no label'
        ),
    ],
)
def test_what_is_of_another_form_crosses_as_it_is(samples):
    assert_same(crossed(samples), pseudo_collate(samples))


def test_what_is_no_dict_crosses_as_it_is():
    batch = crossed([(torch.zeros(2), 1), (torch.ones(2), 2)])
    assert [value.tolist() for value in batch[0]] == [[0, 0], [1, 1]]
    assert list(batch[1]) == [1, 2]


def test_loading_processes_change_nothing_in_a_training(tmp_path):
    init_default_scope('mmcd')
    write_tiny_pairs(tmp_path, height=40, width=48)
    pipeline = [
        dict(type='LoadImagePair'),
        dict(type='LoadChangeLabel'),
        dict(type='StackPair'),
        dict(type='mmseg.RandomCrop', crop_size=(32, 32)),
        dict(type='mmseg.RandomRotFlip', rotate_prob=0.0, flip_prob=1.0),
        dict(type='mmseg.PackSegInputs', meta_keys=('pair_name',)),
    ]
    dataset = BitemporalDataset(data_root=str(tmp_path), split='train', pipeline=pipeline)

    def batches(workers):
        settings = dict(
            batch_size=2,
            num_workers=workers,
            sampler=dict(type='InfiniteSampler', shuffle=True),
            dataset=dataset,
        )
        loader = iter(build_exact_loader(settings, seed=5))
        return [next(loader) for _ in range(3)]

    for crossed_batch, own in zip(batches(1), batches(0), strict=True):
        assert_same(crossed_batch, dict(own))


def test_a_collate_function_of_the_config_is_kept(tmp_path):
    init_default_scope('mmcd')
    write_tiny_pairs(tmp_path)
    settings = dict(
        batch_size=1,
        num_workers=0,
        collate_fn=dict(type='pseudo_collate'),
        sampler=dict(type='InfiniteSampler'),
        dataset=BitemporalDataset(data_root=str(tmp_path), split='train', pipeline=[]),
    )
    assert type(next(iter(build_exact_loader(settings, seed=0)))) is dict
