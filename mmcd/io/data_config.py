"""Configs in JSON or YAML: data, which run nothing.

MMEngine reads YAML with a loader that runs what its tags name, takes a Python file as a base,
imports what ``custom_imports`` names, and looks for a type that is not registered as a dotted name
of any module. A config in Python may do all of that; one in JSON or YAML is checked here before
MMEngine reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import yaml

from mmcd.errors import ConfigError

DATA_SUFFIXES = ('.json', '.yaml', '.yml')
# Where registered types are; a scope's own module holds functions, too, which are none.
SCOPES = ('mmcd', 'mmseg', 'mmpretrain', 'mmengine', 'mmcv')
DEEPEST = 20


def is_data_config(path: Path) -> bool:
    """Whether a config is data by its ending."""
    return path.suffix.lower() in DATA_SUFFIXES


def check_data_config(path: Path, own_configs: Path) -> None:
    """Check that reading a config, and building what it names, runs nothing that it brings.

    Args:
        path: the file; the JSON and YAML files that are its bases are checked, too.
        own_configs: the folder of Python configs that may be its bases.

    Raises:
        ConfigError: it can't be read, or brings code.
    """
    waiting, seen = [path.resolve()], set[Path]()
    while waiting:
        here = waiting.pop()
        seen.add(here)
        content = _read_safely(here)
        for fault in _faults(content):
            raise ConfigError(
                f'The config {here} {fault}. Configs in JSON and YAML run no code: state it in a '
                'Python config if you trust its origin.'
            )
        for base in _bases(content):
            target = (here.parent / base).resolve()
            if is_data_config(target) and target not in seen and len(seen) < DEEPEST:
                waiting.append(target)
            elif not target.is_relative_to(own_configs.resolve()):
                raise ConfigError(
                    f"The config {here} has the base {base}, which is code and not one of mmcd's "
                    'own configs. Configs in JSON and YAML run no code: name another base.'
                )


def _read_safely(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding='utf-8')
        content = json.loads(text) if path.suffix.lower() == '.json' else yaml.safe_load(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f'Cannot read the config {path}: {error}.') from error
    if not isinstance(content, dict):
        raise ConfigError(f'The config {path} holds a {type(content).__name__}, not settings.')
    return content


def _bases(content: dict[str, Any]) -> list[str]:
    bases = content.get('_base_', [])
    return [str(base) for base in (bases if isinstance(bases, list) else [bases])]


def _faults(content: dict[str, Any]) -> Iterator[str]:
    imports = content.get('custom_imports') or {}
    modules = imports.get('imports', []) if isinstance(imports, dict) else imports
    for module in modules if isinstance(modules, list) else [modules]:
        if str(module).partition('.')[0] != 'mmcd':
            yield f'imports the module {module}'
    for kind in _types(content):
        scope, _, name = str(kind).rpartition('.')
        known = isinstance(kind, str) and (not scope or scope in SCOPES)
        if not known or (scope and hasattr(import_module(scope), name)):
            yield f'names the type {kind!r}, which is looked up among all modules'


def _types(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        yield from (value for key, value in node.items() if key == 'type' and value is not None)
    parts = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in parts:
        yield from _types(part)
