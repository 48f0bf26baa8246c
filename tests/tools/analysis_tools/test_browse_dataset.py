from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import pytest

from mmcd.errors import ConfigError

ROOT = Path(__file__).parents[3]
TOOL = ROOT / 'tools' / 'analysis_tools' / 'browse_dataset.py'


browse = runpy.run_path(str(TOOL))['main']


def run(*arguments: object) -> None:
    browse([str(ROOT / 'configs' / 'darnet_levir.py'), *map(str, arguments)])


def test_shows_what_the_pipeline_gives(tiny_levir, tmp_path, capsys):
    options = ('--cfg-options', f'data_root={tiny_levir}')
    one, two, other = (tmp_path / f'{n}.png' for n in range(3))
    run('--out', one, '--number', 3, '--columns', 2, *options)
    assert capsys.readouterr().out == f'3 samples of train are in {one}\n'
    assert cv2.imread(str(one)).shape == (2 * 72, 2 * 140, 3)
    run('--out', two, '--number', 3, '--columns', 2, *options)
    run('--out', other, '--number', 3, '--columns', 2, '--seed', 1, *options)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_numbers_out_of_range(tiny_levir, tmp_path):
    options = ('--out', tmp_path / 'x.png', '--cfg-options', f'data_root={tiny_levir}')
    with pytest.raises(ConfigError, match='a number from 0 to 3'):
        run('--same', 4, *options)


def test_a_split_that_the_config_does_not_have(tmp_path):
    options = ('--out', tmp_path / 'x.png', '--cfg-options', 'val_dataloader=None')
    with pytest.raises(ConfigError, match=r'has no val_dataloader: name another --split'):
        run('--split', 'val', *options)
