from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import HistoryBuffer, MMLogger
from mmengine.runner import CheckpointLoader, Runner
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmcd.config import load_config
from mmcd.engine import (
    EmptyLabelWarningHook,
    NonFiniteLossHook,
    PlainCheckpointHook,
    RunCompletionHook,
)
from mmcd.engine.hooks import is_finished
from mmcd.errors import CheckpointError, ConfigError, NonFiniteLossError
from mmcd.io.checkpoints import hash_weights, read_checkpoint, use_safe_loading
from tests.engine.tiny_run import read_log, run_training, tiny_config

RUNNER = SimpleNamespace(cfg=Config(dict(model=dict(type='X'))))
BATCH = dict(
    data_samples=[
        SegDataSample(metainfo=dict(before_path='A/1.png')),
        SegDataSample(metainfo=dict(before_path='A/2.png')),
        SegDataSample(metainfo=dict(img_path='no before path')),
    ]
)


def after_iteration(outputs: dict | None, batch: dict | None = BATCH) -> None:
    NonFiniteLossHook().after_train_iter(SimpleNamespace(iter=41), 41, batch, outputs)


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


@pytest.mark.parametrize(
    ('loss', 'said'),
    [
        (1.5, r'(?s)of another process is not finite at iteration 42; its own.*--resume'),
        (float('nan'), r'The loss is nan at iteration 42'),
    ],
)
def test_processes_stop_together(monkeypatch, loss, said):
    """Here as if there were another one, whose loss is NaN in the second iteration."""
    others = iter([0, 1])
    monkeypatch.setattr('mmcd.engine.agreement.get_world_size', lambda: 2)
    monkeypatch.setattr(
        'mmcd.engine.agreement.all_reduce', lambda flag, op: flag.clamp_(min=next(others))
    )
    after_iteration(dict(loss=torch.tensor(1.0)))
    with pytest.raises(NonFiniteLossError, match=said):
        after_iteration(dict(loss=torch.tensor(loss)))


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
    hook: EmptyLabelWarningHook, mode: str, batches: list[list[SegDataSample]], first: int = 0
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
    hook = EmptyLabelWarningHook(num_batches=3)
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
    give_batches(EmptyLabelWarningHook(num_batches=50), mode, [[sample(0, 0)]] * 4)
    assert len(warnings_given) == 1
    assert 'The first 4 images' in warnings_given[0]


def test_any_kind_of_change_counts(warnings_given):
    give_batches(EmptyLabelWarningHook(num_batches=1), 'train', [[sample(0, 255, 3)]])
    assert warnings_given == []


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('where', [0, 2])
def test_says_nothing_where_there_is_change(warnings_given, mode, where):
    batches = [[sample(0, 0)] for _ in range(6)]
    batches[where] = [sample(0, 0), sample(0, 1)]
    give_batches(EmptyLabelWarningHook(num_batches=3), mode, batches)
    assert warnings_given == []


def test_change_that_comes_too_late_is_warned_about(warnings_given):
    batches = [[sample(0)], [sample(0)], [sample(1)]]
    give_batches(EmptyLabelWarningHook(num_batches=2), 'train', batches)
    assert len(warnings_given) == 1


def test_a_resumed_run_looks_at_as_many_batches(warnings_given):
    """Its first batch has the index 3000: that alone is no reason to warn."""
    hook = EmptyLabelWarningHook(num_batches=3)
    give_batches(hook, 'train', [[sample(0)], [sample(0)], [sample(1)]], first=3000)
    assert warnings_given == []
    hook = EmptyLabelWarningHook(num_batches=3)
    give_batches(hook, 'train', [[sample(0)]] * 5, first=3000)
    assert len(warnings_given) == 1
    assert 'The first 3 images' in warnings_given[0]


def test_splits_are_told_apart(warnings_given):
    hook = EmptyLabelWarningHook(num_batches=2)
    give_batches(hook, 'train', [[sample(0, 1)]] * 2)
    give_batches(hook, 'val', [[sample(0)]] * 2)
    give_batches(hook, 'test', [[sample(0)]] * 2)
    assert ['val split' in line for line in warnings_given] == [True, False]
    assert 'test split' in warnings_given[1]


@pytest.mark.parametrize('mode', MODES)
def test_mostly_changed_may_be_inverted(warnings_given, mode):
    batches = [[sample(0, 1, 1, 255, 255)], [sample(1, 1, 0, 0)]]
    give_batches(EmptyLabelWarningHook(num_batches=2), mode, batches)
    assert len(warnings_given) == 1
    assert (
        f'{mode} split are marked as changed on 57% of their pixels: inverted?'
        in (warnings_given[0])
    )
    give_batches(EmptyLabelWarningHook(num_batches=1), mode, batches[1:])  # half is not most
    assert len(warnings_given) == 1


def test_samples_without_label(warnings_given):
    give_batches(EmptyLabelWarningHook(num_batches=5), 'test', [[SegDataSample()]] * 2)
    assert warnings_given == []


def test_a_run_warns_of_empty_training_labels(tiny_levir, tmp_path):
    for path in (tiny_levir / 'train' / 'label').iterdir():
        Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    run_training(tiny_config(tiny_levir, tmp_path / 'work'))
    log = read_log(tmp_path / 'work')
    assert log.count('hold no changed pixel') == 1
    assert 'The first 6 images of the train split' in log


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
    scalars = content['message_hub']['log_scalars']
    assert 'train/loss' in scalars and all(len(values) == 2 for values in scalars.values())
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
    scalars = dict(train_loss=HistoryBuffer([3.0, 1.0], [1, 2]))
    checkpoint = dict(message_hub=dict(log_scalars=scalars, runtime_info=dict(iter=1)))
    hub = checkpoint['message_hub']
    PlainCheckpointHook().before_save_checkpoint(RUNNER, checkpoint)
    saved = checkpoint['message_hub']
    assert saved['log_scalars']['train_loss'].tolist() == [[3, 1], [1, 2]]
    assert hub['log_scalars'] is scalars
    PlainCheckpointHook().after_load_checkpoint(RUNNER, checkpoint)
    loaded = checkpoint['message_hub']['log_scalars']['train_loss']
    assert [part.tolist() for part in loaded.data] == [[3, 1], [1, 2]]


def test_names_without_log_values_are_not_resumed():
    """Earlier versions wrote them, and MMEngine warns of each."""
    keys = dict(iter=True, lr=True)
    hub = dict(log_scalars={}, runtime_info=dict(iter=1), resumed_keys=keys)
    checkpoint = dict(message_hub=hub)
    PlainCheckpointHook().after_load_checkpoint(RUNNER, checkpoint)
    assert checkpoint['message_hub']['resumed_keys'] == dict(iter=True)


def test_numpy_numbers_become_python_s():
    checkpoint = dict(message_hub=dict(runtime_info=dict(eta=np.float64(1.5), name='x', n=[1])))
    PlainCheckpointHook().before_save_checkpoint(RUNNER, checkpoint)
    info = checkpoint['message_hub']['runtime_info']
    assert info == dict(eta=1.5, name='x', n=[1])
    assert type(info['eta']) is float


def test_the_weights_get_their_hash(tmp_path):
    checkpoint = dict(state_dict={'w': torch.ones(3)}, meta=dict(iter=3))
    PlainCheckpointHook().before_save_checkpoint(RUNNER, checkpoint)
    assert checkpoint['meta']['mmcd']['weights_sha256'] == hash_weights({'w': torch.ones(3)})
    assert checkpoint['meta']['iter'] == 3
    torch.save(checkpoint, tmp_path / 'a.pth')
    read_checkpoint(tmp_path / 'a.pth')
    checkpoint['state_dict']['w'][1] += 1
    torch.save(checkpoint, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='is damaged: its weights are not those'):
        read_checkpoint(tmp_path / 'a.pth')


def test_a_checkpoint_without_hub():
    checkpoint = dict(state_dict={})
    PlainCheckpointHook().before_save_checkpoint(RUNNER, checkpoint)
    PlainCheckpointHook().after_load_checkpoint(RUNNER, checkpoint)
    assert 'message_hub' not in checkpoint and checkpoint['state_dict'] == {}


def train(work_dir, *, start=0, through=True):
    loop = SimpleNamespace(stop_training=False)
    cfg = asked(work_dir)
    runner = SimpleNamespace(
        work_dir=cfg.work_dir, iter=start, max_iters=10, train_loop=loop, cfg=cfg
    )
    hook = RunCompletionHook()
    hook.before_train(runner)
    if through:
        runner.iter = runner.max_iters
        hook.after_train(runner)
    return runner


def asked(work_dir, max_iters=10, **options):
    settings = {'work_dir': str(work_dir), 'train_cfg.max_iters': max_iters, **options}
    return load_config('prx_levir', settings)


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


@pytest.mark.parametrize(
    'options',
    [
        {'data_root': 'elsewhere', 'pretrained': None, 'optim_wrapper.optimizer.lr': 1e-5},
        {'train_dataloader.num_workers': 0, 'train_dataloader.dataset.cache': None},
        {'model.backbone.with_cp': True, 'model.threshold': 0.3, 'model.pretrained': None},
    ],
)
def test_settings_that_leave_the_network_and_the_data_are_those_of_the_finished_run(
    tmp_path, options
):
    train(tmp_path)
    assert is_finished(asked(tmp_path, **options))


@pytest.mark.parametrize(
    'options',
    [{'model.decode_head.refinement': True}, {'train_dataloader.dataset.split': 'val'}],
)
def test_a_finished_run_of_another_network_or_of_other_data_is_not_the_config_s(tmp_path, options):
    train(tmp_path)
    with pytest.raises(ConfigError, match=r'is of another network than .* with --work-dir, or lea'):
        is_finished(asked(tmp_path, **options))
    assert not is_finished(asked(tmp_path, 11, **options))
    (tmp_path / 'finished').write_text('10')  # as earlier versions wrote it
    assert is_finished(asked(tmp_path, **options))


def test_a_run_that_early_stopping_has_ended_is_finished(tmp_path):
    runner = train(tmp_path, through=False)
    runner.train_loop.stop_training, runner.iter = True, 6
    RunCompletionHook().after_train(runner)
    assert is_finished(asked(tmp_path)) and not is_finished(asked(tmp_path, 11))


def test_a_new_start_takes_the_mark_away(tmp_path):
    train(tmp_path)
    train(tmp_path, through=False)
    assert not is_finished(asked(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_loop_that_counts_epochs_is_never_called_finished(tmp_path):
    train(tmp_path)
    cfg = Config(dict(work_dir=str(tmp_path), train_cfg=dict(max_epochs=1)))
    assert not is_finished(cfg)
