from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.fileio.backends import LocalBackend
from mmengine.hooks import Hook
from mmengine.runner import CheckpointLoader

from mmcd.engine.stages import prepare_start
from mmcd.engine.train_runner import TrainRunner
from mmcd.errors import CheckpointWriteError
from mmcd.io.checkpoints import use_safe_loading
from tests.engine.tiny_run import read_log, tiny_config


@pytest.fixture(autouse=True)
def _safe_loading(monkeypatch):
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    use_safe_loading()


class Stopped(Exception):
    pass


class StopHook(Hook):
    """Break a run off in the midst of an iteration or of a validation."""

    def __init__(self, iteration: int, *, validating: bool) -> None:
        self.iteration = iteration
        self.validating = validating

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.validating and runner.iter == self.iteration:
            raise Stopped

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if self.validating and runner.iter == self.iteration:
            raise Stopped


def train(cfg: Config, *, stop: StopHook | None = None, plain: bool = False) -> TrainRunner:
    if plain:  # as a user's own config has it
        cfg.custom_hooks = []
        cfg.default_hooks.checkpoint.type = 'CheckpointHook'
    prepare_start(cfg)
    runner = TrainRunner.from_cfg(cfg)
    if stop is not None:
        runner.register_hook(stop)
    runner.train()
    return runner


def config(root: Path, work_dir: Path, **options) -> Config:
    settings = dict(train_cfg__val_interval=2, log_level='INFO')
    cfg = tiny_config(root, work_dir, iterations=6, **{**settings, **options})
    cfg.resume = True
    return cfg


def contents(work_dir: Path) -> dict:
    return {
        path.name: torch.load(path, weights_only=True) for path in sorted(work_dir.glob('*.pth'))
    }


def assert_same(first: Path, second: Path) -> None:
    first, second = contents(first), contents(second)
    assert first.keys() == second.keys()
    for name, content in first.items():
        for key, value in content['state_dict'].items():
            assert torch.equal(second[name]['state_dict'][key], value), (name, key)
        scores = [c[name]['message_hub']['runtime_info']['best_score'] for c in (first, second)]
        assert scores[0] == scores[1]


@pytest.mark.parametrize('plain', [False, True])
def test_a_run_that_is_stopped_ends_as_one_that_is_not(tiny_levir, tmp_path, plain):
    options = dict(default_hooks__checkpoint__interval=2, train_dataloader__num_workers=0)
    train(config(tiny_levir, tmp_path / 'whole', **options), plain=plain)
    for stop in (StopHook(3, validating=False), StopHook(4, validating=True)):
        with pytest.raises(Stopped):
            train(config(tiny_levir, tmp_path / 'cut', **options), stop=stop, plain=plain)
    # The loading processes have changed, too.
    options.update(train_dataloader__num_workers=1)
    train(config(tiny_levir, tmp_path / 'cut', **options), plain=plain)
    assert_same(tmp_path / 'whole', tmp_path / 'cut')
    log = read_log(tmp_path / 'cut')
    assert 'is not defined in message_hub' not in log
    assert log.count('Iter(val) [2/2]') >= 3


@pytest.mark.parametrize(('seed', 'diff_rank_seed'), [(None, True), (7, False)])
def test_the_data_go_on_with_the_seed_of_the_checkpoint(tiny_levir, tmp_path, seed, diff_rank_seed):
    randomness = dict(seed=None, diff_rank_seed=diff_rank_seed)
    options = dict(randomness=randomness, val_cfg=None, val_dataloader=None, val_evaluator=None)
    first = train(config(tiny_levir, tmp_path / 'work', train_cfg__max_iters=1, **options))
    options['randomness'] = dict(randomness, seed=seed)
    cfg = config(tiny_levir, tmp_path / 'work', **options)
    prepare_start(cfg)
    resumed = TrainRunner.from_cfg(cfg)
    resumed.build_for_training()
    resumed.load_or_resume()
    assert resumed.seed == first.seed and resumed.iter == 1
    for _ in range(3):
        one, other = (next(run.train_loop.dataloader_iterator) for run in (first, resumed))
        assert torch.equal(torch.stack(one['inputs']), torch.stack(other['inputs']))


def test_a_full_disk_keeps_what_was_written(tiny_levir, tmp_path, monkeypatch):
    put = LocalBackend.put

    def full(self, content, path):
        if 'iter_3' in str(path):
            Path(path).write_bytes(content[:1000])
            raise OSError(errno.ENOSPC, 'No space left on device')
        put(self, content, path)

    monkeypatch.setattr(LocalBackend, 'put', full)
    said = r'Cannot write the checkpoint iter_3\.pth .*No space left.*Make room.*--resume'
    with pytest.raises(CheckpointWriteError, match=said):
        train(config(tiny_levir, tmp_path / 'work'))
    monkeypatch.undo()
    names = sorted(path.name for path in (tmp_path / 'work').glob('*.p*'))
    assert 'iter_2.pth' in names and 'iter_3.pth' not in names
    assert not list((tmp_path / 'work').glob('.*.part'))
    assert train(config(tiny_levir, tmp_path / 'work')).iter == 6


def test_a_checkpoint_that_was_cut_short_is_passed_over(tiny_levir, tmp_path):
    work_dir = tmp_path / 'work'
    train(config(tiny_levir, work_dir, train_cfg__max_iters=4))
    newest = work_dir / 'iter_4.pth'
    newest.write_bytes(newest.read_bytes()[:2000])
    cfg = config(tiny_levir, work_dir)
    prepare_start(cfg)
    assert cfg.load_from.endswith('iter_3.pth') and cfg.resume
    assert train(config(tiny_levir, work_dir)).iter == 6


def test_weights_to_start_from_are_validated_before_the_first_step(tiny_levir, tmp_path):
    train(config(tiny_levir, tmp_path / 'first'))
    start = tmp_path / 'first' / 'iter_6.pth'
    options = dict(load_from=str(start), optim_wrapper__optimizer__lr=0.0)
    train(config(tiny_levir, tmp_path / 'second', **options))
    scores = validations(tmp_path / 'second')
    assert list(scores) == [0, 2, 4, 6]
    assert scores[0] == validations(tmp_path / 'first')[6]
    (best,) = (tmp_path / 'second').glob('best_change_f1_*.pth')
    hub = torch.load(best, weights_only=True)['message_hub']
    assert hub['runtime_info']['best_score'] == max(scores.values())
    # Gone on with, the run's own checkpoint counts: there is no second first validation.
    train(config(tiny_levir, tmp_path / 'second', train_cfg__max_iters=8, **options))
    assert list(validations(tmp_path / 'second')) == [0, 2, 4, 6, 8]


def validations(work_dir: Path) -> dict[int, float]:
    """The F1 of each validation by its step, of all runs in a work dir."""
    files = sorted(work_dir.glob('*/vis_data/2*.json'))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return {line['step']: line['change/f1'] for line in lines if 'change/f1' in line}
