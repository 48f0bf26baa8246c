"""What the constructors behind a config take, and whether a value can be what they ask for."""

from __future__ import annotations

import inspect
import types
import typing
from typing import Any

BASICS = (bool, int, float, str)


def constructor_parameters(kind: Any) -> dict[str, inspect.Parameter] | None:
    """The arguments that a class or a function takes by name, or None where it takes any.

    ``**kwargs`` are followed to the constructors of the base classes. Annotations are resolved.
    """
    chain = [kind]
    if inspect.isclass(kind):
        chain = [c.__dict__['__init__'] for c in kind.__mro__ if '__init__' in c.__dict__]
    parameters: dict[str, inspect.Parameter] = {}
    for function in chain:
        try:
            own = inspect.signature(function).parameters
        except (TypeError, ValueError):  # written in C
            return None
        try:
            hints = typing.get_type_hints(function)
        except Exception:  # names that exist for a type checker only
            hints = {}
        for name, parameter in own.items():
            if name != 'self' and parameter.kind not in (
                parameter.VAR_KEYWORD,
                parameter.VAR_POSITIONAL,
            ):
                annotation = hints.get(name, parameter.empty)
                parameters.setdefault(name, parameter.replace(annotation=annotation))
        if not any(each.kind == each.VAR_KEYWORD for each in own.values()):
            return parameters
    return None


def fits(value: Any, parameter: inspect.Parameter) -> bool:
    """Whether a config's value can be what a parameter asks for.

    Only plain mismatches count, such as a word for a number: annotations in the stack are loose, a
    dict may be built to anything, and lists and tuples stand for each other.
    """
    if parameter.default is not parameter.empty and (
        value is parameter.default or value == parameter.default
    ):
        return True
    if parameter.annotation is parameter.empty:
        default = parameter.default
        is_number = isinstance(default, (int, float)) and not isinstance(default, bool)
        return not (is_number and isinstance(value, str))
    if value is None:
        # The stack's code says `x: dict = None`; a number that is None is a slip.
        members = _members(parameter.annotation)
        return type(None) in members or not set(members) <= set(BASICS)
    return any(_is_one(value, member) for member in _members(parameter.annotation))


def _members(annotation: Any) -> tuple:
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return tuple(m for each in typing.get_args(annotation) for m in _members(each))
    return (annotation,)


def _is_one(value: Any, member: Any) -> bool:
    if typing.get_origin(member) is typing.Literal:
        return value in typing.get_args(member)
    kind = typing.get_origin(member) or member
    if kind not in (*BASICS, dict, list, tuple, set, type(None)):
        # A word may name a type or a device; a number stands for a number only.
        is_collection = inspect.isclass(kind) and kind.__module__ == 'collections.abc'
        is_opaque = not inspect.isclass(kind) or kind in (object,)
        if is_opaque or not isinstance(value, (bool, int, float)):
            return True
        return isinstance(value, kind) and not is_collection
    if kind in (int, float):  # `eta_min_ratio: int = 0` takes a fraction
        return isinstance(value, (int, float))
    if kind is bool:
        return isinstance(value, bool) or value in (0, 1)
    if kind in (dict, list, tuple, set):  # one set of settings, or a list of them
        return isinstance(value, (dict, list, tuple, set))
    return isinstance(value, kind)


def describe(parameter: inspect.Parameter) -> str:
    """What a parameter asks for, in words."""
    if parameter.annotation is parameter.empty:
        return f'a number such as {parameter.default}'
    names = [
        'None' if member is type(None) else getattr(member, '__name__', str(member))
        for member in _members(parameter.annotation)
    ]
    return ' or '.join(dict.fromkeys(names))
