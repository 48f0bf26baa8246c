from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from mmcd.errors import DatasetNotFoundError
from tests.data_tools.audit.planting import read, write, write_clean

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'dataset_converters' / 'audit.py'


audit = runpy.run_path(str(TOOL))['main']


def run(capsys, *arguments: object) -> tuple[int, str]:
    """The exit code and what is on stdout."""
    status = audit([*map(str, arguments), '--workers', '1'])
    return status, capsys.readouterr().out


@pytest.fixture
def clean(tmp_path) -> Path:
    return write_clean(tmp_path / 'clean')


def test_a_clean_folder_ends_with_0_and_figures_to_paste(clean, capsys):
    status, out = run(capsys, clean)
    assert status == 0
    assert '0 error(s), 0 warning(s)' in out
    assert 'model = dict(data_preprocessor=dict(mean=[' in out
    assert out.splitlines()[1].split()[:3] == ['train', '3', '96x96']


def test_warnings_end_with_0(clean, capsys):
    for path in clean.glob('train/label/*.png'):
        write(path, 255 - read(path))
    status, out = run(capsys, clean)
    assert status == 0
    assert 'warning: inverted labels (1)' in out


def test_errors_of_a_config_end_with_1(clean, tmp_path, capsys):
    leaked = clean / 'test' / 'A' / 'test_0.png'
    for folder in ('A', 'B', 'label'):
        image = read(clean / 'train' / folder / 'train_0.png')
        write(clean / 'test' / folder / 'test_0.png', image[:, ::-1])
    config = ROOT / 'configs' / 'darnet_levir.py'
    report = tmp_path / 'report.json'
    options = ('--cfg-options', f'data_root={clean}', '--json', report)
    status, out = run(capsys, config, *options)
    assert status == 1
    assert 'error: leak (1)' in out and str(leaked) in out
    assert json.loads(report.read_text())['errors'] == 1


def test_what_cannot_be_audited_ends_with_2(tmp_path):
    command = [sys.executable, str(TOOL), str(tmp_path / 'none.py')]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert failed.stderr.startswith('error: No such config file')


def test_a_folder_that_is_not_there_is_told_as_one(tmp_path):
    with pytest.raises(
        DatasetNotFoundError, match=r'There is no folder .*mine .*the options state'
    ):
        audit([str(tmp_path / 'mine'), '--before', 'A'])
