from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmcd.engine import WarnWithoutChange
from tests.engine.tiny_run import read_log, run_training, tiny_config

MODES = ['train', 'val', 'test']


@pytest.fixture
def warnings_given() -> Iterator[list[str]]:
    lines: list[str] = []
    logger = MMLogger.get_instance('test_change_presence')
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger.addHandler(handler)
    yield lines
    MMLogger._instance_dict.pop('test_change_presence')


def sample(*values: int, name: str = 'label.png') -> SegDataSample:
    data = SegDataSample(metainfo=dict(seg_map_path=name))
    data.gt_sem_seg = PixelData(data=torch.tensor([[values]]))
    return data


def fake_runner(num_batches: int, iteration: int = 0) -> SimpleNamespace:
    loop = SimpleNamespace(dataloader=range(num_batches), max_iters=num_batches)
    return SimpleNamespace(train_loop=loop, val_loop=loop, test_loop=loop, iter=iteration)


def give_batches(
    hook: WarnWithoutChange, mode: str, batches: list[list[SegDataSample]], first: int = 0
) -> None:
    runner = fake_runner(first + len(batches))
    for index, samples in enumerate(batches, start=first):
        runner.iter = index
        if mode == 'train':
            hook.after_train_iter(runner, index, dict(data_samples=samples), {})
        elif mode == 'val':
            hook.after_val_iter(runner, index, {}, samples)
        else:
            hook.after_test_iter(runner, index, {}, samples)


@pytest.mark.parametrize('mode', MODES)
def test_warns_once_when_enough_was_seen(warnings_given, mode):
    hook = WarnWithoutChange(num_batches=3)
    batches = [[sample(0, 0), sample(0, 255, name=f'{i}.png')] for i in range(10)]
    give_batches(hook, mode, batches)
    assert len(warnings_given) == 1
    assert f'The first 6 images of the {mode} split hold no changed pixel' in warnings_given[0]
    assert 'the last label: 2.png' in warnings_given[0]
    assert 'label_encoding' in warnings_given[0]
    give_batches(hook, mode, batches)
    assert len(warnings_given) == 1


@pytest.mark.parametrize('mode', MODES)
def test_warns_at_the_end_of_a_short_split(warnings_given, mode):
    give_batches(WarnWithoutChange(num_batches=50), mode, [[sample(0, 0)]] * 4)
    assert len(warnings_given) == 1
    assert 'The first 4 images' in warnings_given[0]


def test_any_kind_of_change_counts(warnings_given):
    give_batches(WarnWithoutChange(num_batches=1), 'train', [[sample(0, 255, 3)]])
    assert warnings_given == []


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('where', [0, 2])
def test_says_nothing_where_there_is_change(warnings_given, mode, where):
    batches = [[sample(0, 0)] for _ in range(6)]
    batches[where] = [sample(0, 0), sample(0, 1)]
    give_batches(WarnWithoutChange(num_batches=3), mode, batches)
    assert warnings_given == []


def test_change_that_comes_too_late_is_warned_about(warnings_given):
    batches = [[sample(0)], [sample(0)], [sample(1)]]
    give_batches(WarnWithoutChange(num_batches=2), 'train', batches)
    assert len(warnings_given) == 1


def test_a_resumed_run_looks_at_as_many_batches(warnings_given):
    """Its first batch has the index 3000: that alone is no reason to warn."""
    hook = WarnWithoutChange(num_batches=3)
    give_batches(hook, 'train', [[sample(0)], [sample(0)], [sample(1)]], first=3000)
    assert warnings_given == []
    hook = WarnWithoutChange(num_batches=3)
    give_batches(hook, 'train', [[sample(0)]] * 5, first=3000)
    assert len(warnings_given) == 1
    assert 'The first 3 images' in warnings_given[0]


def test_splits_are_told_apart(warnings_given):
    hook = WarnWithoutChange(num_batches=2)
    give_batches(hook, 'train', [[sample(1)]] * 2)
    give_batches(hook, 'val', [[sample(0)]] * 2)
    give_batches(hook, 'test', [[sample(0)]] * 2)
    assert ['val split' in line for line in warnings_given] == [True, False]
    assert 'test split' in warnings_given[1]


def test_samples_without_label(warnings_given):
    give_batches(WarnWithoutChange(num_batches=5), 'test', [[SegDataSample()]] * 2)
    assert warnings_given == []


def test_a_run_warns_of_empty_training_labels(tiny_levir, tmp_path):
    for path in (tiny_levir / 'train' / 'label').iterdir():
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    run_training(tiny_config(tiny_levir, tmp_path / 'work'))
    log = read_log(tmp_path / 'work')
    assert log.count('hold no changed pixel') == 1
    assert 'The first 6 images of the train split' in log
