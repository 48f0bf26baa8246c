from __future__ import annotations

import pytest

from mmcd.engine.unreadable_files import UnreadableFilesHook
from mmcd.errors import LabelError, MissingFileError, MMCDError, UnreadableFilesError
from tests.engine.test_train_runner import config, contents, train
from tests.engine.tiny_run import read_log


def spoiled(root, *, vanished=(), broken=()):
    for number in broken:
        (root / 'train' / 'label' / f'train_{number}.png').write_bytes(b'no image')
    for number in vanished:
        (root / 'train' / 'A' / f'train_{number}.png').unlink()


def run(root, work_dir, *, budget=None):
    cfg = config(root, work_dir)
    if budget is not None:
        cfg.custom_hooks = [
            *cfg.custom_hooks,
            dict(type='mmcd.UnreadableFilesHook', budget=budget),
        ]
    from mmcd.engine.stages import prepare_start
    from mmcd.engine.train_runner import TrainRunner

    prepare_start(cfg)
    runner = TrainRunner.from_cfg(cfg)
    runner.build_for_training()
    spoiled(root, vanished=[1], broken=[2])
    runner.train()
    return runner


def test_the_first_one_stops_the_run_and_is_named(tiny_levir, tmp_path):
    with pytest.raises((MissingFileError, LabelError), match=r'train_[12]\.png'):
        run(tiny_levir, tmp_path / 'work')


def test_within_the_budget_others_take_their_place(tiny_levir, tmp_path):
    runner = run(tiny_levir, tmp_path / 'work', budget=2)
    assert runner.iter == 6
    log = read_log(tmp_path / 'work')
    assert '2 pairs could not be read and were passed over:' in log
    assert 'train_1.png' in log and 'train_2.png' in log
    info = contents(tmp_path / 'work')['iter_6.pth']['message_hub']['runtime_info']
    assert len(info['unreadable']) == 2


def test_beyond_the_budget_all_are_named(tiny_levir, tmp_path):
    with pytest.raises(UnreadableFilesError, match=r'budget of UnreadableFilesHook is 1') as caught:
        run(tiny_levir, tmp_path / 'work', budget=1)
    assert 'train_1.png' in str(caught.value) and 'train_2.png' in str(caught.value)


def test_where_nothing_can_be_read():
    class Broken(list):
        def __getitem__(self, index):
            raise LabelError(f'label {index}')

    with pytest.raises(UnreadableFilesError, match=r'100 pairs in a row.*label'):
        UnreadableFilesHook.read(Broken([1, 2]), 0)


def test_other_errors_stop_the_run():
    class Faulty(list):
        def __getitem__(self, index):
            raise MMCDError('no matter of files')

    with pytest.raises(MMCDError, match='no matter of files'):
        UnreadableFilesHook.read(Faulty([1]), 0)


def test_training_is_what_it_was_where_all_is_well(tiny_levir, tmp_path):
    cfg = config(tiny_levir, tmp_path / 'work')
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='mmcd.UnreadableFilesHook')]
    assert train(cfg).iter == 6
