from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub

from mmcd.engine import DurableCheckpointHook, checkpointing
from mmcd.engine.checkpointing import find_last_whole, use_durable_checkpoints
from mmcd.errors import CheckpointError, ConfigError, FileWriteError
from tests.engine.tiny_run import run_training, tiny_config


@pytest.fixture
def warned(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(checkpointing, 'print_log', lambda text, **_: lines.append(text))
    return lines


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """Three whole checkpoints, the last of which is named."""
    for number in (10, 20, 30):
        path = tmp_path / f'iter_{number}.pth'
        torch.save(dict(state_dict=dict(a=torch.ones(100)), meta={}), path)
        os.utime(path, (number, number))
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_30.pth'))
    return tmp_path


def cut(path: Path) -> None:
    stamp = path.stat().st_mtime
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    os.utime(path, (stamp, stamp))


def test_the_named_one_is_taken(work_dir, warned):
    (work_dir / 'last_checkpoint').write_text(str(work_dir / 'iter_20.pth'))
    assert find_last_whole(work_dir) == work_dir / 'iter_20.pth'
    assert warned == []


def test_one_that_was_cut_short_is_skipped_with_a_warning(work_dir, warned):
    cut(work_dir / 'iter_30.pth')
    assert find_last_whole(work_dir) == work_dir / 'iter_20.pth'
    (text,) = warned
    assert 'iter_30.pth is no checkpoint, or was cut short' in text
    assert text.endswith(f'The run goes on from {work_dir / "iter_20.pth"} instead.')
    cut(work_dir / 'iter_20.pth')
    assert find_last_whole(work_dir) == work_dir / 'iter_10.pth'


@pytest.mark.parametrize(
    'pointer', [b'', b'iter_99.pth', b'http://127.0.0.1:9/iter_30.pth', b'\xff\xfe\0', b'x' * 5000]
)
def test_a_pointer_to_nowhere(work_dir, warned, pointer):
    (work_dir / 'last_checkpoint').write_bytes(pointer)
    assert find_last_whole(work_dir) == work_dir / 'iter_30.pth'
    assert 'which is not there' in warned[0] and len(warned[0]) < 1000


def test_a_work_dir_that_was_moved(work_dir, tmp_path, warned):
    (work_dir / 'last_checkpoint').write_text('/somewhere/else/iter_20.pth')
    assert find_last_whole(work_dir) == work_dir / 'iter_20.pth'
    assert warned == []


def test_where_none_can_be_read(work_dir):
    for path in work_dir.glob('*.pth'):
        cut(path)
    with pytest.raises(CheckpointError, match=r'(?s)No checkpoint in .*iter_10.*starts anew'):
        find_last_whole(work_dir)


def test_a_run_that_has_not_saved_yet(tmp_path):
    assert find_last_whole(tmp_path) is None
    assert find_last_whole(tmp_path / 'nowhere') is None


def ready_hook(folder: Path, **info) -> tuple[DurableCheckpointHook, SimpleNamespace, list[str]]:
    """A hook whose runner notes what is there while it saves."""
    seen: list[str] = []

    def save(out_dir: str, filename: str, *args, **kwargs) -> None:
        seen.append(' '.join(sorted(path.name for path in folder.glob('*.pth'))))
        Path(out_dir, filename).write_bytes(b'')

    hub = MessageHub(f'test {folder}')
    for key, value in info.items():
        hub.update_info(key, value)
    runner = SimpleNamespace(
        work_dir=str(folder), message_hub=hub, save_checkpoint=save, iter=0, epoch=0,
        logger=SimpleNamespace(info=lambda text: None, warning=lambda text: None),
    )  # fmt: skip
    hook = DurableCheckpointHook(
        interval=1, by_epoch=False, max_keep_ckpts=1, save_best='f1', rule='greater'
    )
    hook.before_train(runner)
    return hook, runner, seen


def test_the_old_ones_go_only_when_the_new_one_stands(tmp_path):
    hook, runner, seen = ready_hook(tmp_path)
    for iteration, score in enumerate([0.1, 0.2, 0.3]):
        runner.iter = iteration
        hook.after_train_iter(runner, iteration)
        runner.iter += 1
        hook.after_val_epoch(runner, dict(f1=score))
    # At each write of the third round, both of the second round are there.
    for names in seen[6:]:
        assert {'iter_2.pth', 'best_f1_iter_2.pth'} & set(names.split()), names
    assert 'best_f1_iter_2.pth' in seen[7] and 'best_f1_iter_2.pth' in seen[8]
    left = sorted(path.name for path in tmp_path.glob('*.pth'))
    assert left == ['best_f1_iter_3.pth', 'iter_3.pth']


def test_a_score_that_is_not_there(tmp_path):
    hook, runner, _ = ready_hook(tmp_path)
    with pytest.raises(ConfigError, match=r'save_best=f1: the validation gives iou, oa'):
        hook.after_val_epoch(runner, dict(iou=1.0, oa=2.0))


def test_what_a_killed_run_left_is_removed(tmp_path):
    for name in (
        'iter_1.pth',
        'best_f1_iter_1.pth',
        'iter_2.pth',
        'mine.pth',
        '.iter_2.pth.9.part',
    ):
        (tmp_path / name).touch()
    old = ['/gone/best_f1_iter_1.pth', 'iter_1.pth', 'iter_2.pth']
    ready_hook(tmp_path, superseded_checkpoints=old, last_ckpt=str(tmp_path / 'iter_2.pth'))
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_2.pth', 'mine.pth']


def test_a_folder_that_cannot_be_written_is_said_at_the_start(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match=r'Cannot write .*last_checkpoint'):
        ready_hook(tmp_path / 'file')


@pytest.mark.parametrize(
    ('kind', 'becomes'),
    [('CheckpointHook', 'mmcd.DurableCheckpointHook'), ('mine.CheckpointHook', None)],
)
def test_mmengine_s_hook_is_replaced_and_no_other(kind, becomes):
    cfg = Config(dict(default_hooks=dict(checkpoint=dict(type=kind, interval=3))))
    use_durable_checkpoints(cfg)
    assert cfg.default_hooks.checkpoint == dict(type=becomes or kind, interval=3)
    use_durable_checkpoints(Config({}))


def test_a_run_writes_with_it(tiny_levir, tmp_path):
    cfg = tiny_config(tiny_levir, tmp_path / 'work', iterations=2)
    runner = run_training(cfg)
    assert any(isinstance(hook, DurableCheckpointHook) for hook in runner.hooks)
