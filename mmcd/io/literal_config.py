"""Reading the text of a config as data, which runs none of it.

MMEngine writes a run's whole config into its checkpoints as Python text. A checkpoint may come from
a stranger, so that text is never executed: here its syntax tree is walked, and whatever is not a
number, a text, a list, a dict or the like is refused.
"""

from __future__ import annotations

import ast
from typing import Any

from mmcd.errors import ConfigError

# A config is a few hundred lines; Python's own parser is no judge of what it may be fed with.
MOST_CHARACTERS = 1_000_000


def parse_config_text(text: str) -> dict[str, Any]:
    """The settings of a config text such as ``Config.pretty_text``.

    Args:
        text: assignments of literals and ``dict(...)`` to names.

    Raises:
        ConfigError: it holds anything else, or is no Python.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f'The config text has {len(text):,} characters, which is no config.')
    try:
        statements = ast.parse(text).body
        return dict(map(_assignment, statements))
    except (SyntaxError, TypeError, ValueError, MemoryError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f'The config text cannot be parsed: {type(error).__name__}.') from error


def _assignment(statement: ast.stmt) -> tuple[str, Any]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, _value(value)
    raise _refusal(statement)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value) if value is None or isinstance(value, (str, int, float)):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.List(elts=parts):
            return [_value(part) for part in parts]
        case ast.Tuple(elts=parts):
            return tuple(_value(part) for part in parts)
        case ast.Set(elts=parts):
            return {_value(part) for part in parts}
        case ast.Dict(keys=keys, values=values) if None not in keys:
            names = [_value(key) for key in keys if key is not None]
            return dict(zip(names, map(_value, values), strict=True))
        case ast.Call(func=ast.Name(id='dict'), args=[], keywords=words):
            if all(word.arg is not None for word in words):
                return {str(word.arg): _value(word.value) for word in words}
        case ast.Call(func=ast.Name(id='float'), args=[ast.Constant(value=str() as word)]):
            # As the text of a config has infinity.
            return float(word)
    raise _refusal(node)


def _refusal(node: ast.stmt | ast.expr) -> ConfigError:
    return ConfigError(
        f'The config text has something other than plain values in line {node.lineno}: '
        f'{ast.unparse(node)[:80]}. It was not executed.'
    )
