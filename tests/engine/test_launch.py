from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader

from mmcd.cli.arguments import add_run_arguments
from mmcd.engine import launch
from mmcd.errors import CheckpointError, ConfigError, InUseError
from tests.engine.tiny_run import CONFIG


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    """Neither the loaders nor the environment nor a process group stay changed."""
    monkeypatch.delenv('LOCAL_RANK', raising=False)
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    yield
    os.environ.pop('LOCAL_RANK', None)


@pytest.fixture
def started(monkeypatch) -> list[str]:
    backends: list[str] = []
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_PORT'):
        monkeypatch.setenv(name, '1')
    monkeypatch.setenv('MASTER_ADDR', '127.0.0.1')
    monkeypatch.setattr(launch.distributed, 'init_process_group', backends.append)
    return backends


def arguments(*words: str) -> Namespace:
    parser = ArgumentParser()
    parser.add_argument('config')
    add_run_arguments(parser)
    return parser.parse_args([str(CONFIG), *words])


def test_work_dir_is_named_after_the_config():
    assert launch.prepare_run(arguments()).work_dir == os.path.join('work_dirs', 'darnet_sample')
    assert launch.prepare_run(arguments('--work-dir', 'x')).work_dir == 'x'
    assert launch.prepare_run(arguments('--cfg-options', 'work_dir=y')).work_dir == 'y'


def test_options_reach_the_config():
    cfg = launch.prepare_run(arguments('--cfg-options', 'data_root=z', 'train_cfg.max_iters=4'))
    assert cfg.train_dataloader.dataset.data_root == 'z'
    assert cfg.train_cfg.max_iters == 4
    assert cfg.launcher == 'none'


def test_a_local_rank_of_old_launchers_is_kept(monkeypatch):
    launch.prepare_run(arguments('--local_rank', '3'))
    assert os.environ['LOCAL_RANK'] == '3'
    monkeypatch.setenv('LOCAL_RANK', '1')
    launch.prepare_run(arguments('--local-rank', '3'))
    assert os.environ['LOCAL_RANK'] == '1'


def test_no_more_loading_processes_than_cores(monkeypatch):
    monkeypatch.setattr(launch, 'usable_cores', lambda: 1)
    cfg = launch.prepare_run(arguments('--cfg-options', 'val_dataloader.num_workers=0'))
    assert cfg.train_dataloader.num_workers == 1
    assert cfg.train_dataloader.persistent_workers
    assert cfg.val_dataloader.num_workers == 0
    assert not cfg.val_dataloader.persistent_workers


def test_two_processes_without_gpu_use_gloo(monkeypatch, started):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    cfg = launch.prepare_run(arguments('--launcher', 'pytorch'))
    assert started == ['gloo']
    assert cfg.launcher == 'pytorch'
    assert cfg.model_wrapper_cfg.type == 'MMDistributedDataParallel'
    assert not cfg.model_wrapper_cfg.find_unused_parameters


def test_what_the_config_says_of_several_processes_is_kept_without_gpu(monkeypatch, started):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    options = ['find_unused_parameters=True', 'model_wrapper_cfg.static_graph=True']
    cfg = launch.prepare_run(arguments('--launcher', 'pytorch', '--cfg-options', *options))
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=True,
        static_graph=True,
        device_ids=None,
    )


def test_a_gpu_is_left_to_mmengine(monkeypatch, started):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert 'model_wrapper_cfg' not in launch.prepare_run(arguments('--launcher', 'pytorch'))
    assert started == []


@pytest.mark.parametrize(
    ('launcher', 'set_', 'said'),
    [
        ('pytorch', {}, r'here: RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT not set\)\. .*torchrun'),
        ('pytorch', {'RANK': 'abc'}, r"here: RANK='abc' not a number"),
        ('slurm', {}, r'here: SLURM_PROCID, SLURM_NTASKS, SLURM_NODELIST not set\)\. .*srun'),
        ('mpi', {}, r'here: OMPI_COMM_WORLD_LOCAL_RANK, .* not set\)\. .*mpirun'),
    ],
)
def test_a_launcher_that_has_not_started_the_process(monkeypatch, launcher, set_, said):
    rest = dict(WORLD_SIZE='1', MASTER_ADDR='127.0.0.1', MASTER_PORT='1') if set_ else {}
    for name in launch.NUMBERS | {'MASTER_ADDR'}:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**rest, **set_}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=said):
        launch.prepare_run(arguments('--launcher', launcher))


@pytest.mark.parametrize('launcher', ['slurm', 'mpi'])
def test_a_launcher_of_processes_with_gpus_where_there_is_none(monkeypatch, launcher):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    for name in launch.LAUNCHERS[launcher][0]:
        monkeypatch.setenv(name, '1')
    with pytest.raises(ConfigError, match=r'nodes with GPUs, .* torchrun and --launcher pytorch'):
        launch.prepare_run(arguments('--launcher', launcher))


def test_processes_that_cannot_meet(monkeypatch, started):
    def refuse(backend):
        raise RuntimeError('The server socket has failed to listen')

    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(launch.distributed, 'init_process_group', refuse)
    with pytest.raises(
        ConfigError, match=r'cannot meet at 127\.0\.0\.1:1 .*: The server|RuntimeErr'
    ):
        launch.prepare_run(arguments('--launcher', 'pytorch'))


@pytest.mark.parametrize('trusted', [False, True])
def test_loading_is_safe_unless_named(tmp_path, trusted):
    path = tmp_path / 'objects.pth'
    torch.save({'state_dict': {}, 'model': torch.nn.Identity()}, path)
    launch.prepare_run(arguments(*(['--trust-checkpoint'] if trusted else [])))
    if trusted:
        assert CheckpointLoader.load_checkpoint(str(path))['state_dict'] == {}
    else:
        with pytest.raises(CheckpointError, match=r'Identity.*--trust-checkpoint'):
            CheckpointLoader.load_checkpoint(str(path))


@pytest.mark.parametrize(
    ('cuda', 'expected'), [(True, 'AmpOptimWrapper'), (False, 'BFloat16OptimWrapper')]
)
def test_mixed_precision(monkeypatch, cuda, expected):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: cuda)
    cfg = launch.prepare_run(arguments())
    launch.use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == expected
    assert cfg.optim_wrapper.get('loss_scale') == ('dynamic' if cuda else None)
    assert cfg.optim_wrapper.optimizer.type == 'AdamW'
    launch.use_mixed_precision(cfg)
    assert cfg.optim_wrapper.type == expected


def test_mixed_precision_of_another_wrapper():
    cfg = Config(dict(optim_wrapper=dict(type='ApexOptimWrapper')))
    with pytest.raises(ConfigError, match='but the config has ApexOptimWrapper'):
        launch.use_mixed_precision(cfg)


def test_hooks_are_added_to_the_config_s_own():
    cfg = Config(dict(custom_hooks=[dict(type='PlainCheckpointHook')]))
    launch.add_hook(cfg, dict(type='SavePredictionsHook', mask_dir='out'))
    names = [hook.type for hook in cfg.custom_hooks]
    assert names == ['PlainCheckpointHook', 'SavePredictionsHook']
    cfg = Config({})
    launch.add_hook(cfg, dict(type='SavePredictionsHook'))
    assert len(cfg.custom_hooks) == 1


def test_two_runs_do_not_share_a_work_dir(tmp_path, monkeypatch):
    cfg = Config(dict(work_dir=str(tmp_path / 'work'), launcher='pytorch'))
    with launch.locked_work_dir(cfg):
        in_use = rf'^The work dir .*work is in use by process {os.getpid()} on '
        with pytest.raises(InUseError, match=in_use), launch.locked_work_dir(cfg):
            pytest.fail('two runs share a work dir')
        # Of a distributed run, the first process alone holds the lock.
        monkeypatch.setenv('RANK', '1')
        with launch.locked_work_dir(cfg):
            pass
        # Without --launcher each process would train by itself, in the same folder.
        alone = Config(dict(work_dir=cfg.work_dir, launcher='none'))
        with pytest.raises(InUseError), launch.locked_work_dir(alone):
            pytest.fail('two runs share a work dir')
    monkeypatch.delenv('RANK')
    with launch.locked_work_dir(cfg):
        pass


@pytest.mark.parametrize('place', ['file', 'file/below', '/proc/x'])
def test_a_work_dir_that_cannot_be_written(tmp_path, place):
    (tmp_path / 'file').touch()
    cfg = Config(dict(work_dir=str(tmp_path / place)))
    said = r'^Cannot write to the work dir .*--work-dir DIR'
    with pytest.raises(ConfigError, match=said), launch.locked_work_dir(cfg):
        pytest.fail('it was written')


@pytest.mark.parametrize(
    ('option', 'gpu', 'kept'),
    [
        ([], False, True),
        ([], True, False),
        (['--keep-memory'], True, True),
        (['--no-keep-memory'], False, False),
    ],
)
def test_memory_is_kept_where_the_processor_computes(monkeypatch, caplog, option, gpu, kept):
    calls = []
    monkeypatch.setattr(launch, 'keep_freed_memory', lambda: calls.append(1) or False)
    monkeypatch.setattr(launch.torch.cuda, 'is_available', lambda: gpu)
    launch.use_kept_memory(arguments(*option).keep_memory)
    assert bool(calls) == kept
    # Only who asked for it is told that it can't be had.
    said = '--keep-memory has no effect here: it is for Linux with glibc'
    assert (said in caplog.text) == (option == ['--keep-memory'])
