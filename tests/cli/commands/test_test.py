"""What cannot be tested is said in one message, before the weights are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.runner import CheckpointLoader

from mmcd.cli.commands import test as command
from mmcd.errors import ConfigError
from tests.engine.tiny_run import CONFIG


@pytest.mark.parametrize('option', ['test_evaluator=None', 'test_cfg=None', 'test_dataloader=None'])
def test_parts_that_are_missing(
    tiny_levir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    options = [f'data_root={tiny_levir}', 'test_dataloader.num_workers=0', option]
    if option.startswith('test_dataloader'):
        options.pop(1)
    words = [str(CONFIG), 'none.pth', '--work-dir', str(tmp_path), '--cfg-options', *options]
    with pytest.raises(ConfigError, match=r'The config cannot be built: ValueError: test_dataloa'):
        command.main(words)


def test_a_config_without_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))
    (tmp_path / 'empty.py').write_text('')
    with pytest.raises(ConfigError, match=r'empty\.py has no `model`: .* Start from one of those'):
        command.main([str(tmp_path / 'empty.py'), 'none.pth', '--work-dir', str(tmp_path)])
