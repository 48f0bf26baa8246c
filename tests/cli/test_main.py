from __future__ import annotations

import subprocess
import sys

import pytest

from mmcd.cli.main import COMMANDS, main
from mmcd.errors import ConfigError

HEAVY = ('torch', 'numpy', 'mmengine', 'rasterio', 'rich')


def shown(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-X', 'importtime', '-m', 'mmcd', *words],
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.parametrize('words', [['--help'], *([name, '--help'] for name in COMMANDS)])
def test_help_is_shown_without_heavy_imports(words):
    done = shown(*words)
    assert f'usage: mmcd {words[0] if words[1:] else "COMMAND"}' in done.stdout
    imported = {line.split('|')[-1].strip() for line in done.stderr.splitlines()}
    assert imported.isdisjoint(HEAVY)


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit):
        main([])
    text = capsys.readouterr().out
    assert all(f'  {name} ' in text for name in COMMANDS)


def test_a_misspelt_command_is_told_the_nearest():
    with pytest.raises(ConfigError, match='Did you mean mmcd map'):
        main(['mpa', 'a.tif', 'b.tif'])
