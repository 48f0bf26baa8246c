"""Configs in JSON and YAML work as those in Python do, and run nothing."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest

from mmcd.apis import init_model
from mmcd.config import load_config
from mmcd.errors import ConfigError
from tests.models.building import CONFIGS

OWN = str(CONFIGS / 'fc_ef_sample.py')
COMMAND = "open('{marker}', 'w')"


@pytest.mark.parametrize('suffix', ['.json', '.yaml', '.yml'])
def test_it_is_read_with_a_base_of_ours(tmp_path: Path, suffix: str) -> None:
    """JSON is YAML, too."""
    (tmp_path / 'base.json').write_text(json.dumps({'_base_': OWN, 'data_root': 'here'}))
    path = tmp_path / f'mine{suffix}'
    content = {'_base_': 'base.json', 'model': {'backbone': {'base_channels': 4}}}
    content['model']['decode_head'] = {'in_channels': [8, 16, 32, 64]}
    path.write_text(json.dumps(content))
    config = load_config(path)
    assert config.data_root == 'here' and config.model.backbone.base_channels == 4
    assert config.model.type == load_config(OWN).model.type


def test_a_config_of_ours_written_as_json_gives_its_model(tmp_path: Path) -> None:
    path = tmp_path / 'whole.json'
    load_config(OWN).dump(path)
    ours, theirs = (init_model(config).state_dict() for config in (path, OWN))
    assert {name: value.shape for name, value in ours.items()} == {
        name: value.shape for name, value in theirs.items()
    }


ATTACKS = {
    'tag.yaml': '!!python/object/apply:builtins.open ["{marker}", "w"]',
    'inner_tag.yaml': 'model: !!python/object/apply:builtins.open ["{marker}", "w"]',
    'name.yml': 'model: !!python/name:os.system',
    'type.json': '{{"model": {{"type": "builtins.open", "file": "{marker}", "mode": "w"}}}}',
    'deep_type.json': '{{"a": [{{"b": {{"type": "os.mkdir", "path": "{marker}"}}}}]}}',
    'function.json': '{{"model": {{"type": "mmengine.mkdir_or_exist", "dir_name": "{marker}"}}}}',
    'longer_type.yaml': 'model: {{type: mmengine.fileio.dump}}',
    'base.json': '{{"_base_": "code.py"}}',
    'base_list.yaml': '_base_: [code.py]',
    'base_of_base.json': '{{"_base_": "base.json"}}',
    'imports.json': '{{"custom_imports": {{"imports": ["code"]}}}}',
    'import.yaml': 'custom_imports: {{imports: code}}',
}


@pytest.mark.parametrize('name', ATTACKS)
def test_it_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    marker = tmp_path / 'marker'
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / 'code.py').write_text(COMMAND.format(marker=marker))
    (tmp_path / 'base.json').write_text('{"_base_": "code.py"}')
    (tmp_path / name).write_text(ATTACKS[name].format(marker=marker))
    with pytest.raises(ConfigError):
        init_model(tmp_path / name)
    assert not marker.exists()


@pytest.mark.parametrize('name', ['tag.yaml', 'type.json', 'base.json'])
def test_the_attacks_are_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Without the check, MMEngine runs them."""
    marker = tmp_path / 'marker'
    (tmp_path / 'code.py').write_text(COMMAND.format(marker=marker))
    (tmp_path / name).write_text(ATTACKS[name].format(marker=marker))
    monkeypatch.setattr('mmcd.config.is_data_config', lambda _: False)
    with suppress(Exception):  # what is built is no model
        init_model(tmp_path / name)
    assert marker.exists()


@pytest.mark.parametrize('content', ['[1]', '{', '"text"', '', '\x00'])
def test_what_is_no_config(tmp_path: Path, content: str) -> None:
    (tmp_path / 'a.json').write_text(content)
    with pytest.raises(ConfigError, match=r'Cannot read the config|not settings'):
        load_config(tmp_path / 'a.json')
