from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.engine.stages import prepare_start
from mmcd.errors import CheckpointError
from mmcd.io.checkpoints import use_safe_loading
from tests.engine.tiny_run import read_log, run_training, tiny_config
from tests.tiny_pairs import write_tiny_pairs

WIDER = dict(
    model__backbone__base_channels=4,
    model__decode_head__in_channels=[8, 16, 32, 64, 128],
)


@pytest.fixture(scope='module')
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work dir of a run of one iteration."""
    init_default_scope('mmcd')  # conftest.py's fixture comes later
    use_safe_loading()
    folder = tmp_path_factory.mktemp('once')
    run_training(tiny_config(write_tiny_pairs(folder / 'pairs'), folder / 'work', iterations=1))
    return folder / 'work'


@pytest.fixture
def trained(once: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(once, tmp_path / 'work'))


def start(cfg: Config) -> Runner:
    prepare_start(cfg)
    return run_training(cfg)


def changed(path: Path, **changes) -> Path:
    """A copy of a checkpoint with parts replaced."""
    content = torch.load(path, weights_only=True)
    for key, change in changes.items():
        content[key] = change(content[key])
    content['meta'].get('mmcd', {}).pop('weights_sha256', None)  # of the weights as they were
    target = path.with_name('changed.pth')
    torch.save(content, target)
    return target


def test_weights_that_fit_are_loaded(trained, tiny_levir, tmp_path):
    cfg = tiny_config(tiny_levir, tmp_path / 'next', load_from=str(trained / 'iter_1.pth'))
    assert start(cfg).iter == 3


@pytest.mark.parametrize(
    ('change', 'said'),
    [
        (lambda w: {'x.' + n: v for n, v in w.items()}, r"none of the model's \d+ tensors is in"),
        (lambda w: dict(list(w.items())[1:]), r'1 missing:\n  backbone'),
        (lambda w: {**w, 'more': torch.ones(1)}, r'1 unknown:\n  more'),
        (lambda w: {**w, next(iter(w)): torch.ones(1)}, r'1 of another shape:\n  backbone'),
        (lambda w: {**w, 'a': 'text'}, 'other things than weights .*: a is a str'),
        (lambda w: list(w), 'a list as its `state_dict`, not a dict of tensors'),
    ],
    ids=['none fits', 'missing', 'unknown', 'shape', 'no tensor', 'list'],
)
def test_weights_that_do_not_fit_are_refused(trained, tiny_levir, tmp_path, change, said):
    path = changed(trained / 'iter_1.pth', state_dict=change)
    cfg = tiny_config(tiny_levir, tmp_path / 'next', load_from=str(path))
    with pytest.raises(CheckpointError, match=said):
        start(cfg)
    assert not list((tmp_path / 'next').glob('*.pth'))


def test_by_name_what_fits_is_loaded_and_the_rest_is_listed(trained, tiny_levir, tmp_path):
    first = torch.load(trained / 'iter_1.pth', weights_only=True)['state_dict']
    name = next(iter(first))

    def change(weights):
        return {**weights, name: torch.ones(1), 'more': torch.ones(1)}

    path = changed(trained / 'iter_1.pth', state_dict=change)
    options = dict(load_from=str(path), strict_loading=False)
    cfg = tiny_config(tiny_levir, tmp_path / 'next', **options)
    prepare_start(cfg)
    runner = Runner.from_cfg(cfg)
    runner.load_or_resume()
    loaded = runner.model.state_dict()
    assert all(torch.equal(loaded[n], first[n]) for n in first if n != name)
    log = read_log(tmp_path / 'next')
    assert f'{len(first) - 1} of {len(first)} tensors fit' in log
    assert f'1 unknown:\n  more\n1 of another shape:\n  {name}: (1,)' in log


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        (
            WIDER,
            r'(?s)cannot go on from .*of another shape.*optimizer: \d+ states of another shape',
        ),
        ({**WIDER, 'strict_loading': False}, r'optimizer: \d+ states of another shape, such as \('),
        (dict(optim_wrapper__optimizer__type='Adam'), r'optimizer: AdamW in the checkpoint, Adam '),
        (dict(param_scheduler=[]), r'param_scheduler: 2 in the checkpoint, 0 here'),
    ],
    ids=['width', 'width, by name', 'optimizer', 'schedules'],
)
def test_a_run_goes_on_only_as_it_was(trained, tiny_levir, options, said):
    cfg = tiny_config(tiny_levir, trained, **options)
    cfg.resume = True
    with pytest.raises(CheckpointError, match=said):
        start(cfg)


@pytest.fixture
def with_scaler(monkeypatch: pytest.MonkeyPatch) -> str:
    """Stands for AmpOptimWrapper, which is for GPUs only."""
    name = BFloat16OptimWrapper.__name__
    monkeypatch.setattr(BFloat16OptimWrapper, 'loss_scaler', object(), raising=False)
    return name


def test_mixed_precision_goes_on_from_the_cpu_on_a_gpu(tiny_levir, tmp_path, with_scaler):
    use_safe_loading()
    options = dict(optim_wrapper__type=with_scaler, log_level='INFO')
    cfg = tiny_config(tiny_levir, tmp_path / 'work', iterations=1, **options)
    run_training(cfg)
    cfg.resume = True
    cfg.train_cfg.max_iters = 2
    assert start(cfg).iter == 2
    assert 'without a loss scaler: this run goes on with a fresh one' in read_log(tmp_path / 'work')


@pytest.mark.parametrize(
    ('noted', 'said'),
    [(True, r'trained without --amp\nResume'), (False, r'trained without --amp, or on the CPU')],
)
def test_a_loss_scaler_that_is_not_there(trained, tiny_levir, with_scaler, noted, said):
    path = trained / 'iter_1.pth'
    if not noted:  # by an earlier version

        def change(meta):
            meta['mmcd'].pop('optim_wrapper')
            return meta

        path = changed(path, meta=change)
    cfg = tiny_config(tiny_levir, trained, optim_wrapper__type=with_scaler, load_from=str(path))
    cfg.resume = True
    with pytest.raises(CheckpointError, match=said):
        run_training(cfg)


def test_a_user_s_own_config_is_strict_too(trained, tiny_levir, tmp_path):
    cfg = tiny_config(tiny_levir, tmp_path / 'next', load_from=str(trained / 'iter_1.pth'), **WIDER)
    cfg.custom_hooks = []
    with pytest.raises(CheckpointError, match='of another shape'):
        start(cfg)
