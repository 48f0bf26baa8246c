from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.runner import CheckpointLoader, Runner

from mmcd.engine import PlainCheckpoints
from mmcd.io.checkpoints import read_checkpoint, use_safe_loading
from tests.engine.tiny_run import run_training, tiny_config


@pytest.fixture(autouse=True)
def _restored_loaders():
    before = dict(CheckpointLoader._schemes)
    yield
    CheckpointLoader._schemes = before


@pytest.fixture
def trained(tiny_levir: Path, tmp_path: Path) -> tuple[Path, Path, Runner]:
    """Data, work dir and runner of a run with validation and the config's own hooks."""
    work_dir = tmp_path / 'work'
    return tiny_levir, work_dir, run_training(tiny_config(tiny_levir, work_dir))


def test_a_run_s_checkpoints_load_safely(trained):
    _, work_dir, runner = trained
    files = sorted(path.name for path in work_dir.glob('*.pth'))
    assert 'iter_3.pth' in files
    assert any(name.startswith('best_change_f1_') for name in files)
    for name in files:
        content = torch.load(work_dir / name, weights_only=True)
        assert content['state_dict'].keys() == runner.model.state_dict().keys()
    assert content['message_hub']['log_scalars'] == {}
    assert read_checkpoint(work_dir / 'iter_3.pth')['meta']['iter'] == 3


def test_a_run_resumes_from_them(trained):
    root, work_dir, first = trained
    use_safe_loading()
    cfg = tiny_config(root, work_dir, iterations=5)
    cfg.resume = True
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    assert runner.iter == 3
    for name, value in first.model.state_dict().items():
        assert torch.equal(runner.model.state_dict()[name], value), name
    # Calling `load_or_resume` above has prepared nothing of the optimizer: a whole run goes on.
    runner = run_training(cfg)
    assert runner.iter == 5
    content = torch.load(work_dir / 'iter_5.pth', weights_only=True)
    steps = {int(state['step']) for state in content['optimizer']['state'].values()}
    assert steps == {5}
    assert content['message_hub']['runtime_info']['best_score'] >= 0


def test_the_run_s_own_hub_is_left_alone():
    scalars = dict(train_loss=object())
    checkpoint = dict(message_hub=dict(log_scalars=scalars, runtime_info=dict(iter=1)))
    hub = checkpoint['message_hub']
    PlainCheckpoints().before_save_checkpoint(None, checkpoint)
    assert checkpoint['message_hub'] == dict(log_scalars={}, runtime_info=dict(iter=1))
    assert hub['log_scalars'] is scalars


def test_numpy_numbers_become_python_s():
    checkpoint = dict(message_hub=dict(runtime_info=dict(eta=np.float64(1.5), name='x', n=[1])))
    PlainCheckpoints().before_save_checkpoint(None, checkpoint)
    info = checkpoint['message_hub']['runtime_info']
    assert info == dict(eta=1.5, name='x', n=[1])
    assert type(info['eta']) is float


def test_a_checkpoint_without_hub():
    checkpoint = dict(state_dict={})
    PlainCheckpoints().before_save_checkpoint(None, checkpoint)
    assert checkpoint == dict(state_dict={})
