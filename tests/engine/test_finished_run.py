from __future__ import annotations

from types import SimpleNamespace

import pytest
from mmengine.config import Config

from mmcd.engine import MarkFinished
from mmcd.engine.finished_run import is_finished


class FakeRunner(SimpleNamespace):
    """A runner of 10 iterations that counts its validations."""

    def __init__(self, work_dir, iteration):
        self.validations = 0
        super().__init__(
            work_dir=str(work_dir),
            iter=iteration,
            max_iters=10,
            val_loop=SimpleNamespace(run=self.validate),
        )

    def validate(self):
        self.validations += 1


def train(work_dir, *, start=0, through=True):
    runner, hook = FakeRunner(work_dir, start), MarkFinished()
    hook.before_train(runner)
    hook.before_train_epoch(runner)
    if through:
        runner.iter = runner.max_iters
        hook.after_train(runner)
    return runner


def asked(work_dir, max_iters=10):
    return Config(dict(work_dir=str(work_dir), train_cfg=dict(max_iters=max_iters)))


def test_only_a_run_that_went_through_is_finished(tmp_path):
    assert not is_finished(asked(tmp_path))
    train(tmp_path, through=False)
    assert not is_finished(asked(tmp_path))
    train(tmp_path, start=4)
    assert is_finished(asked(tmp_path))


@pytest.mark.parametrize(('max_iters', 'finished'), [(9, True), (10, True), (11, False)])
def test_a_longer_run_is_not_finished(tmp_path, max_iters, finished):
    train(tmp_path)
    assert is_finished(asked(tmp_path, max_iters)) is finished


def test_a_new_start_takes_the_mark_away(tmp_path):
    train(tmp_path)
    train(tmp_path, through=False)
    assert not is_finished(asked(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_loop_that_counts_epochs_is_never_called_finished(tmp_path):
    train(tmp_path)
    cfg = Config(dict(work_dir=str(tmp_path), train_cfg=dict(max_epochs=1)))
    assert not is_finished(cfg)


@pytest.mark.parametrize(('start', 'validations'), [(0, 0), (9, 0), (10, 1)])
def test_a_stop_before_the_last_validation_is_made_up_for(tmp_path, start, validations):
    assert train(tmp_path, start=start).validations == validations
