from __future__ import annotations

import os
import signal
import sys

import pytest
import torch
from mmengine.hooks import Hook

from mmcd.cli.console import exit_status
from mmcd.engine.graceful_stop import GracefulStopHook, StopRequest, requeue, stop_request
from mmcd.engine.stages import prepare_start
from mmcd.engine.train_runner import TrainRunner
from mmcd.errors import StoppedBySignalError
from mmcd.registry import MODELS
from tests.engine.test_train_runner import (
    StopHook,
    assert_same,
    config,
    contents,
    train,
    validations,
)

pytestmark = pytest.mark.skipif(not hasattr(signal, 'SIGHUP'), reason='signals of POSIX systems')


class SignalHook(StopHook):
    """Send this process a signal where StopHook breaks off."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if not self.validating and runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)

    def before_val_iter(self, runner, batch_idx, data_batch=None):
        if self.validating and runner.iter == self.iteration:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(('iteration', 'validating', 'at'), [(2, False, 3), (4, True, 4)])
def test_a_signal_ends_the_run_with_a_checkpoint(
    tiny_levir, tmp_path, monkeypatch, iteration, validating, at
):
    from mmcd.engine import train_runner

    options = dict(default_hooks__checkpoint__interval=5)
    train(config(tiny_levir, tmp_path / 'whole', **options))
    built = train_runner.TrainRunner.from_cfg

    def with_hook(cfg):
        runner = built(cfg)
        runner.register_hook(GracefulStopHook(request))
        return runner

    with stop_request() as request:
        monkeypatch.setattr(train_runner.TrainRunner, 'from_cfg', with_hook)
        hook = SignalHook(iteration, validating=validating)
        said = (
            rf'Stopped by SIGTERM after iteration {at}\. .*--resume goes on from .*iter_{at}\.pth'
        )
        with pytest.raises(StoppedBySignalError, match=said) as caught:
            train(config(tiny_levir, tmp_path / 'cut', **options), stop=hook)
    assert exit_status(caught.value) == 143
    assert contents(tmp_path / 'cut')[f'iter_{at}.pth']['meta']['iter'] == at
    monkeypatch.undo()
    train(config(tiny_levir, tmp_path / 'cut', **options))
    for extra in (tmp_path / 'cut').glob('iter_[34].pth'):
        extra.unlink()  # of the stop; the undisturbed run has none
    for name in ('iter_5.pth',):
        for folder in ('whole', 'cut'):
            (tmp_path / folder / name).unlink(missing_ok=True)
    assert_same(tmp_path / 'whole', tmp_path / 'cut')


def test_a_signal_in_the_validation_of_the_start(tiny_levir, tmp_path):
    start = tmp_path / 'start.pth'
    options = dict(train_cfg__max_iters=1, train_cfg__val_interval=1, load_from=str(start))
    cfg = config(tiny_levir, tmp_path / 'work', **options)
    torch.save(dict(state_dict=MODELS.build(cfg.model).state_dict()), start)
    prepare_start(cfg)
    runner = TrainRunner.from_cfg(cfg)
    with stop_request() as request:
        runner.register_hook(GracefulStopHook(request))
        runner.register_hook(SignalHook(0, validating=True))
        said = r'after iteration 0\. Nothing was trained yet: the same command starts anew\.$'
        with pytest.raises(StoppedBySignalError, match=said):
            runner.train()
    assert not contents(tmp_path / 'work')
    train(config(tiny_levir, tmp_path / 'work', **options))
    assert list(validations(tmp_path / 'work')) == [0, 1]


class TrainedWeightsHook(Hook):
    """Keep the model's parameters as they are before a validation puts their average there."""

    def before_val(self, runner):
        self.weights = {n: p.detach().clone() for n, p in runner.model.named_parameters()}


def test_a_signal_in_a_validation_of_averaged_weights(tiny_levir, tmp_path):
    cfg = config(tiny_levir, tmp_path, default_hooks__checkpoint__interval=6)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='EMAHook', momentum=0.1)]
    prepare_start(cfg)
    runner = TrainRunner.from_cfg(cfg)
    trained = TrainedWeightsHook()
    with stop_request() as request:
        for hook in (GracefulStopHook(request), SignalHook(2, validating=True), trained):
            runner.register_hook(hook)
        with pytest.raises(StoppedBySignalError, match=r'iter_2\.pth'):
            runner.train()
    checkpoint = contents(tmp_path)['iter_2.pth']
    # EMAHook names the average as the model's weights, and these as the average.
    for name, value in trained.weights.items():
        assert torch.equal(checkpoint['ema_state_dict'][f'module.{name}'], value), name
        assert not torch.equal(checkpoint['state_dict'][name], value), name


def test_handlers_are_put_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_request() as request:
        os.kill(os.getpid(), signal.SIGHUP)
        assert request.signal == signal.SIGHUP
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_nohup_ignores_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_request() as request:
            os.kill(os.getpid(), signal.SIGHUP)
        assert request.signal == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_any_process_of_a_run_can_be_asked(monkeypatch):
    from mmcd.engine import agreement

    monkeypatch.setattr(agreement, 'get_world_size', lambda: 2)
    monkeypatch.setattr(agreement, 'all_reduce', lambda number, op: number.fill_(15))
    runner = type('R', (), dict(hooks=[], iter=6))
    with pytest.raises(StoppedBySignalError, match=r'after iteration 7\. No checkpoint'):
        GracefulStopHook(StopRequest()).after_train_iter(runner, 6)
    monkeypatch.setattr(agreement, 'all_reduce', lambda number, op: torch.zeros(1))
    GracefulStopHook(StopRequest()).after_train_iter(runner, 6)


def test_slurm_is_asked_to_queue_the_job_again(tmp_path, monkeypatch):
    tool = tmp_path / 'scontrol'
    tool.write_text(
        f'#!{sys.executable}\nimport sys\nopen("{tmp_path}/said", "w").write(*sys.argv[2:])'
    )
    tool.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    requeue('4711')
    assert (tmp_path / 'said').read_text() == '4711'
    tool.unlink()
    requeue('4711')  # no Slurm there: logged, no error
    monkeypatch.setenv('SLURM_JOB_ID', '4711')
    with stop_request() as request:
        os.kill(os.getpid(), signal.SIGUSR1)
    assert request.signal == signal.SIGUSR1
