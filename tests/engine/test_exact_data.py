from __future__ import annotations

import os
import pickle
import random
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import InfiniteSampler

from mmcd.engine.exact_data import (
    ResumableBatches,
    SampleIndex,
    SeededDataset,
    SeededSampler,
    build_exact_loader,
    seed_all,
)

PIPELINE = [
    dict(type='mmcd.LoadImagePair'),
    dict(type='mmcd.LoadChangeLabel'),
    dict(type='mmcd.StackPair'),
    dict(type='mmseg.RandomCrop', crop_size=(16, 16)),
    dict(type='mmseg.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmseg.PackSegInputs', meta_keys=('before_path',)),
]
INFINITE, FINITE = 'InfiniteSampler', 'DefaultSampler'


def batches(root: Path, *, workers: int = 0, sampler: str = INFINITE, size: int = 2, **options):
    dataset = dict(
        type='mmcd.LEVIRCDDataset', data_root=str(root), split='train', pipeline=PIPELINE
    )
    settings = dict(
        dataset=dict(dataset, pipeline=PIPELINE),
        batch_size=size,
        num_workers=workers,
        persistent_workers=workers > 0,
        sampler=dict(type=sampler, shuffle=True),
    )
    loader = build_exact_loader(settings, seed=3)
    return ResumableBatches(loader, **{'discards': False, **options})


def take(source: ResumableBatches, number: int) -> list[tuple[str, bytes]]:
    """The names and the pixels of the samples of some batches."""
    found = []
    for _ in range(number):
        batch = next(source)
        found += [
            (Path(sample.before_path).name, image.numpy().tobytes())
            for sample, image in zip(batch['data_samples'], batch['inputs'], strict=True)
        ]
    return found


@pytest.mark.parametrize('sampler', [INFINITE, FINITE])
def test_what_comes_depends_on_the_place_alone(tiny_levir, sampler):
    whole = take(batches(tiny_levir, sampler=sampler), 7)
    assert len(set(whole)) == len(whole)  # no crop comes twice
    np.random.seed(5)  # whatever else was drawn
    for start in (0, 1, 3, 6):
        resumed = batches(tiny_levir, sampler=sampler)
        resumed.start_at(start)
        assert take(resumed, 7 - start) == whole[2 * start :], start


@pytest.mark.parametrize('workers', [1, 2])
def test_loading_processes_change_nothing(tiny_levir, workers):
    whole = take(batches(tiny_levir), 5)
    assert take(batches(tiny_levir, workers=workers), 5) == whole
    resumed = batches(tiny_levir, workers=workers)
    resumed.start_at(2)
    assert take(resumed, 3) == whole[4:]


def test_a_loop_that_takes_and_drops_what_was_trained_on(tiny_levir, monkeypatch):
    """MMEngine 0.10.7 does; nothing is loaded for it."""
    whole = take(batches(tiny_levir), 5)
    resumed = batches(tiny_levir, discards=True)
    resumed.start_at(3)
    monkeypatch.setattr(SeededDataset, '__getitem__', lambda *_: pytest.fail('loaded'))
    assert [next(resumed) for _ in range(3)] == [None] * 3
    monkeypatch.undo()
    assert take(resumed, 2) == whole[6:]


def test_two_processes_draw_what_one_draws(tiny_levir, monkeypatch):
    whole = take(batches(tiny_levir, size=4), 3)
    halves = []
    for rank in (0, 1):
        for module in ('mmcd.engine.exact_data', 'mmengine.dataset.sampler'):
            monkeypatch.setattr(f'{module}.get_dist_info', lambda rank=rank: (rank, 2))
        halves.append(take(batches(tiny_levir, size=2), 3))
    together = [sample for pair in zip(*halves, strict=True) for sample in pair]
    assert together == whole


def test_another_seed_draws_something_else():
    drawn = []
    for place in ((1, 0, 5), (1, 0, 6), (2, 0, 5), (1, 0, 5)):
        seed_all(*place)
        drawn.append((np.random.rand(), random.random(), torch.rand(1).item()))
    assert drawn[0] == drawn[3]
    for numbers in zip(*drawn, strict=True):
        assert len(set(numbers)) == 3


@pytest.mark.parametrize(('stated', 'then'), [(None, 5), (4, 4)])
def test_a_seed_that_the_config_states_for_the_order_stays(stated, then):
    inner = InfiniteSampler(range(6), seed=3 if stated is None else stated)
    sampler = SeededSampler(inner, seed=3)
    sampler.reseed(5)
    indices = list(islice(sampler, 6))
    assert indices == list(islice(InfiniteSampler(range(6), seed=then), 6))
    assert all(index.place[0] == 5 for index in indices)


def test_an_index_takes_its_place_along():
    index = pickle.loads(pickle.dumps(SampleIndex(4, (1, 2))))
    assert index == 4 and index.place == (1, 2)


def test_a_data_set_is_asked_for_all_else(tiny_levir):
    source = batches(tiny_levir)
    dataset = source._loader.dataset
    assert dataset.metainfo['classes'] == ('unchanged', 'changed')
    assert len(dataset) == 4
    with pytest.raises(AttributeError):
        _ = dataset.nothing_like_it
    copied = pickle.loads(pickle.dumps(dataset))
    assert len(copied) == 4


@pytest.mark.skipif(not hasattr(os, 'getpgid'), reason='process groups of POSIX systems')
def test_signals_to_all_leave_the_workers_alone(tiny_levir):
    source = batches(tiny_levir, workers=1)
    take(source, 1)
    (worker,) = source._iterator._workers
    assert os.getpgid(worker.pid) == worker.pid != os.getpgid(0)
