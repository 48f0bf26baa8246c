"""The tool that kills a training again and again, on a training of a few iterations."""

import os
import runpy
import sys
from pathlib import Path

import pytest

from tests.processes import output_of

ROOT = Path(__file__).resolve().parents[3]
SMALL = [
    'train_cfg.max_iters=6', 'train_cfg.val_interval=3', 'default_hooks.checkpoint.interval=2',
    'train_dataloader.batch_size=2', 'train_dataloader.num_workers=1',
    'val_dataloader.num_workers=0', 'model.backbone.base_channels=2',
    'model.decode_head.in_channels=[4,8,16,32,64]', 'model.decode_head.channels=4',
]  # fmt: skip


def test_what_is_in_the_work_dir_stays(tmp_path):
    kept = tmp_path / 'best.pth'
    kept.write_text('weights')
    output_of(
        [sys.executable, 'tools/analysis_tools/check_resume.py', 'none.py', '--work-dir', tmp_path],
        expect=2,
        cwd=ROOT,
    )
    assert kept.read_text() == 'weights'


def test_options_of_the_training_are_passed_on():
    tool = runpy.run_path(str(ROOT / 'tools' / 'analysis_tools' / 'check_resume.py'))
    options = ['--amp', '--trust-checkpoint', '--no-keep-memory', '--cfg-options', 'a=1', 'b=2']
    assert tool['train_arguments'](tool['parse_args'](['config.py', *options])) == options
    assert tool['train_arguments'](tool['parse_args'](['config.py'])) == []
    with pytest.raises(SystemExit):  # the number of processes is --processes
        tool['parse_args'](['config.py', '--launcher', 'pytorch'])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks processes')
def test_runs_that_are_killed_end_as_one_that_is_not(tiny_levir, tmp_path):
    output = output_of(
        [
            sys.executable, 'tools/analysis_tools/check_resume.py', 'configs/darnet_sample.py',
            '--kills', 2, '--work-dir', tmp_path / 'check',
            '--cfg-options', f'data_root={tiny_levir}', *SMALL,
        ],
        cwd=ROOT,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
    )  # fmt: skip
    assert '2 kills in ' in output and ': 0 refused to go on, ' in output
    assert 'ended equal to the bit.' in output
