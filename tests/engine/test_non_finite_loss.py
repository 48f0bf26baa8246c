from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmseg.structures import SegDataSample

from mmcd.engine import StopOnNonFiniteLoss
from mmcd.errors import NonFiniteLossError
from tests.engine.tiny_run import run_training, tiny_config

BATCH = dict(
    data_samples=[
        SegDataSample(metainfo=dict(before_path='A/1.png')),
        SegDataSample(metainfo=dict(before_path='A/2.png')),
        SegDataSample(metainfo=dict(img_path='no before path')),
    ]
)


def after_iteration(outputs: dict | None, batch: dict | None = BATCH) -> None:
    StopOnNonFiniteLoss().after_train_iter(SimpleNamespace(iter=41), 41, batch, outputs)


@pytest.mark.parametrize(
    'outputs', [dict(loss=torch.tensor(3.0)), dict(loss=0.0, acc=float('nan')), {}, None]
)
def test_finite_losses_pass(outputs):
    after_iteration(outputs)


@pytest.mark.parametrize('loss', [float('nan'), float('inf'), -float('inf')])
def test_message_names_iteration_losses_and_files(loss):
    outputs = dict(loss=torch.tensor(loss), loss_d1=torch.tensor(1.5), acc=torch.tensor([1.0]))
    with pytest.raises(NonFiniteLossError) as caught:
        after_iteration(outputs)
    text = str(caught.value)
    assert f'The loss is {loss} at iteration 42' in text
    assert "'loss_d1': 1.5" in text
    assert '\n  A/1.png\n  A/2.png\n  unknown file\n' in text
    assert '--resume' in text


def test_a_batch_that_is_not_there():
    with pytest.raises(NonFiniteLossError, match='The loss is nan'):
        after_iteration(dict(loss=float('nan')), None)


def test_a_run_stops_before_it_saves(tiny_levir, tmp_path):
    """A learning rate beyond reason makes the second or third loss NaN."""
    cfg = tiny_config(
        tiny_levir, tmp_path / 'work', iterations=6, optim_wrapper__optimizer__lr=1e30
    )
    with pytest.raises(NonFiniteLossError, match=r'at iteration \d') as caught:
        run_training(cfg)
    files = [line.strip() for line in str(caught.value).splitlines() if line.startswith('  ')]
    assert len(files) == 2
    assert all(file.startswith(str(tiny_levir / 'train' / 'A')) for file in files)
    iteration = int(str(caught.value).split('at iteration ')[1].split()[0])
    assert not (tmp_path / 'work' / f'iter_{iteration}.pth').exists()
    assert (tmp_path / 'work' / f'iter_{iteration - 1}.pth').exists()
