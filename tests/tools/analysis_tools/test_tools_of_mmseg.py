"""MMSegmentation's own tools, as its package holds them, on configs and logs of mmcd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import mmseg
import pytest

from tests.processes import output_of

ROOT = Path(__file__).parents[3]
TOOLS = Path(mmseg.__file__).parent / '.mim' / 'tools'
CONFIG = ROOT / 'configs' / 'darnet_sample.py'
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not TOOLS.is_dir(), reason="MMSegmentation's tools are not installed"),
]


def run(*command: object, cwd: Path) -> str:
    # As from a terminal: mmcd is installed, and the folder is not the checkout.
    environment = {
        **os.environ, 'OMP_NUM_THREADS': '1', 'MPLBACKEND': 'agg', 'PYTHONPATH': str(ROOT)
    }  # fmt: skip
    return output_of([sys.executable, '-W', 'ignore', *command], cwd=cwd, env=environment)


def test_print_config_builds_the_model(tmp_path):
    output = run(TOOLS / 'misc' / 'print_config.py', CONFIG, '--graph', cwd=tmp_path)
    assert 'SiameseEncoderDecoder(' in output
    assert 'UNetEncoder(' in (tmp_path / 'example-graph.txt').read_text()
    # What it has written is a config again.
    output = run(TOOLS / 'misc' / 'print_config.py', tmp_path / 'example.py', cwd=tmp_path)
    assert "type='SiameseEncoderDecoder'" in output


def test_analyze_logs_draws_loss_and_f1(tiny_levir, tmp_path):
    pytest.importorskip('seaborn')
    small = [f'{split}_dataloader.num_workers=0' for split in ('train', 'val')]
    run(
        ROOT / 'tools' / 'train.py', CONFIG, '--work-dir', tmp_path / 'work',
        '--cfg-options', f'data_root={tiny_levir}', 'train_cfg.max_iters=2',
        'train_cfg.val_interval=1', 'default_hooks.logger.interval=1', *small, cwd=tmp_path,
    )  # fmt: skip
    (log,) = (tmp_path / 'work').glob('*/vis_data/scalars.json')
    for key in ('loss', 'change/f1'):
        picture = tmp_path / f'{key[-2:]}.png'
        run(
            TOOLS / 'analysis_tools' / 'analyze_logs.py', log, '--keys', key, '--out', picture,
            cwd=tmp_path,
        )  # fmt: skip
        assert picture.stat().st_size > 5000


def test_its_train_tool_finds_our_types(tiny_levir, tmp_path):
    # A data_root for all splits, stated once, is what mmcd's own train.py adds.
    roots = [f'{split}_dataloader.dataset.data_root={tiny_levir}' for split in ('train', 'val')]
    workers = [f'{split}_dataloader.num_workers=1' for split in ('train', 'val')]
    output = run(
        TOOLS / 'train.py', CONFIG, '--work-dir', tmp_path / 'work', '--cfg-options', *roots,
        *workers, 'train_cfg.max_iters=1', 'train_cfg.val_interval=1', cwd=tmp_path,
    )  # fmt: skip
    assert 'change/f1' in output
