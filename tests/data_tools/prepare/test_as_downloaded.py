"""Data sets that are read as they are downloaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mmcd.cli.commands.prepare import main
from mmcd.errors import ConfigError, DatasetNotFoundError
from tests.tiny_scenes import write_tiny_sztaki

NUMBERS = {'Szada': 7, 'Tiszadob': 5}


@pytest.fixture(scope='module')
def sztaki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sztaki(tmp_path_factory.mktemp('sztaki'), pairs=NUMBERS)


def test_a_whole_download_is_counted_and_the_next_command_named(sztaki: Path, capsys) -> None:
    assert main(['sztaki', str(sztaki)]) == 0
    printed = capsys.readouterr().out
    assert f'{sztaki} is read as it is; there is nothing to prepare.' in printed
    assert 'fc_siam_diff_sztaki_szada: 5 train, 1 val, 1 test pairs' in printed
    assert 'fc_siam_diff_sztaki_tiszadob: 3 train, 1 val, 1 test pairs' in printed
    command = f'tools/train.py fc_siam_diff_sztaki_szada --cfg-options data_root={sztaki}'
    assert command in printed


def test_what_is_missing_is_named(sztaki: Path, tmp_path: Path) -> None:
    root = tmp_path / 'part'
    shutil.copytree(sztaki, root)
    (root / 'Szada' / '3' / 'gt.bmp').unlink()
    (root / 'Archieve.zip').touch()
    with pytest.raises(DatasetNotFoundError, match=r'Szada/3/gt\.bmp') as caught:
        main(['sztaki', str(root)])
    assert 'Unpack first: Archieve.zip.' in str(caught.value)
    with pytest.raises((ConfigError, DatasetNotFoundError), match='Onera Satellite'):
        main(['oscd', str(root)])


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('oscd', 'SRC', 'DST'), 'nothing is written into DST: leave DST out'),
        (('levir-cd', 'SRC'), 'name DST, the folder to fill'),
    ],
)
def test_whether_a_folder_is_filled_is_known_before(words, said, capsys) -> None:
    with pytest.raises(SystemExit):
        main(list(words))
    assert said in capsys.readouterr().err
