from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from mmcd.data_tools.prepare.sources import SOURCES
from mmcd.datasets.layout import read_manifest
from mmcd.errors import ConfigError
from tests.tiny_pairs import TinyLayout, write_tiny_pairs

TOOL = Path(__file__).parents[3] / 'tools' / 'dataset_converters' / 'prepare.py'


prepare = runpy.run_path(str(TOOL))['main']


def run(capsys, *arguments: object) -> list[str]:
    """The lines on stdout."""
    assert prepare([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out.splitlines()


def test_help_names_every_data_set(capsys):
    with pytest.raises(SystemExit):
        prepare(['--help'])
    shown = capsys.readouterr().out
    assert all(name in shown for name in SOURCES)


def test_dry_run_then_run_then_again(tiny_levir, tmp_path, capsys):
    out = tmp_path / 'out'
    command = ('levir-cd', tiny_levir, out, '--tile', 32, '--workers', 2)
    dry = run(capsys, *command, '--dry-run')
    said = f'{out}: 16 train, 8 val, 8 test pairs, tiles of 32x32'
    assert dry == [said, 'Nothing was written (--dry-run).']
    assert not out.exists()
    assert run(capsys, *command) == [said, '32 pairs written']
    again = '0 pairs written, 32 were there already'
    assert run(capsys, *command) == [said, again]


def test_own_folder_names_values_and_blocks(tmp_path, capsys):
    layout = TinyLayout('old', 'new', 'truth', changed=7)
    root = write_tiny_pairs(
        tmp_path / 'src', layout=layout, splits={'all': 1}, height=256, width=256
    )
    names = ('--before', 'old', '--after', 'new', '--label', 'truth', '--label-values', 0, 7)
    done = run(
        capsys, 'folder', root / 'all', tmp_path / 'out', *names,
        '--tile', 16, '--blocks', 4, '--split', 2, 1, 1, '--workers', 1,
    )  # fmt: skip
    assert any('between two splits are left out' in line for line in done)


def test_several_kinds_of_change(tmp_path, capsys):
    source = write_tiny_pairs(tmp_path / 'src', layout=TinyLayout(changed=2))
    classes = ('--classes', 'unchanged', 'built', 'razed', '--label-values', 0, 1, 2)
    done = run(capsys, 'folder', source, tmp_path / 'out', *classes, '--workers', 1)
    assert "metainfo=dict(classes=['unchanged', 'built', 'razed'])" in done[1]
    values = read_manifest(tmp_path / 'out').layout.label_encoding
    assert values == dict(unchanged=0, built=1, razed=2)
    with pytest.raises(ConfigError, match='--label-values UNCHANGED BUILT RAZED'):
        run(capsys, 'folder', source, tmp_path / 'out', *classes[:-2])
    with pytest.raises(ConfigError, match='need their --label-values'):
        run(capsys, 'folder', source, tmp_path / 'out', *classes[:4])


def test_an_error_is_one_message(tmp_path):
    command = [sys.executable, str(TOOL), 'levir-cd', str(tmp_path / 'none'), str(tmp_path / 'out')]
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 2
    assert failed.stderr.startswith('error: There is no folder')
    assert 'Traceback' not in failed.stderr


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--tile', 0], 'size and a stride of 1 pixel or more; got 0'),
        (['--tile', -3], 'size and a stride of 1 pixel or more; got -3'),
        (['--tile', 32, '--stride', 0], 'size and a stride of 1 pixel or more; got 32 and 0'),
        (['--stride', 32], 'it needs --tile'),
        (['--workers', 0], '--workers is at least 1; got 0'),
        (['--workers', -3], '--workers is at least 1; got -3'),
        (['--before', 'A', '--after', 'A'], 'in folders of their own; got the names A, A, label'),
        (['--tile', 32, '--blocks', 0], '1 or more blocks; got 0'),
    ],
)
def test_what_is_no_setting_is_refused(tmp_path, options, message):
    source = write_tiny_pairs(tmp_path / 'src', splits={'all': 4}) / 'all'
    command = ['folder', source, tmp_path / 'out', '--label-values', 0, 255, *options]
    with pytest.raises(ConfigError, match=message):
        prepare([str(argument) for argument in command])
    assert not (tmp_path / 'out').exists()
