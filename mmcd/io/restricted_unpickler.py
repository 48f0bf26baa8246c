"""Reading the tensors of a pickled module without running any code from the file.

A file that holds a whole pickled module names classes and functions, which Python's unpickler
imports and calls. Here nothing is imported, and only what rebuilds tensors and plain containers is
called. Classes of modules become empty shells that hold their attributes; anything else is refused.

PyTorch's own means, weights_only with the names that get_unsafe_globals_in_checkpoint lists, do not
do: they need the classes of the file's project, and list nothing of files from before PyTorch 1.6.
"""

from __future__ import annotations

import pickle
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor
from torch.storage import TypedStorage

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_file import check_file, no_checkpoint

ADVICE = 'If you trust the file, load it where it was made and save its state_dict() instead.'


class Items(dict):
    """An OrderedDict of the file. State dicts set attributes on theirs, which nobody needs."""

    def __setstate__(self, state: Any) -> None:
        pass


class _Builder:
    """A function that the file may call, and nothing else.

    Pickles can set attributes on whatever they name; on PyTorch's own functions, that would last.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)

    def __setstate__(self, state: Any) -> NoReturn:
        raise CheckpointError(f'The file changes a function; it was not read. {ADVICE}')


def _rebuild_tensor(
    storage: TypedStorage,
    offset: int,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    requires_grad: bool = False,
    hooks: Any = None,
    flags: Any = None,
) -> Tensor:
    """A tensor's values; hooks would be functions of the file's."""
    if not isinstance(storage, TypedStorage) or flags:
        raise CheckpointError(f'The file holds a tensor of an unknown kind. {ADVICE}')
    return torch.empty(0, dtype=storage.dtype).set_(storage.untyped(), offset, size, stride)


def _rebuild_parameter(data: Tensor, requires_grad: bool, hooks: Any, state: Any = None) -> Tensor:
    """A parameter's values."""
    if not isinstance(data, Tensor):
        raise CheckpointError(f'The file holds a parameter that is no tensor. {ADVICE}')
    return data


# Functions and classes that may be called: they build tensors and containers, nothing else.
_CALLED = {
    ('collections', 'OrderedDict'): _Builder(Items),
    ('torch', 'Size'): _Builder(torch.Size),
    ('torch', 'device'): _Builder(torch.device),
    ('torch._utils', '_rebuild_tensor'): _Builder(_rebuild_tensor),
    ('torch._utils', '_rebuild_tensor_v2'): _Builder(_rebuild_tensor),
    ('torch._utils', '_rebuild_parameter'): _Builder(_rebuild_parameter),
    ('torch._utils', '_rebuild_parameter_with_state'): _Builder(_rebuild_parameter),
    ('builtins', 'set'): _Builder(set),
    ('__builtin__', 'set'): _Builder(set),
}
# Attributes of these types may stand in a pickled module's own state.
_DTYPES = {name: value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}


class _ShellType(type):
    """The class of shells: no pickle of a module makes an instance by calling its class."""

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        raise CheckpointError(
            f'The file calls {cls.origin}, which no pickled network needs; it was not read. '  # type: ignore[attr-defined]
            f'{ADVICE}'
        )


class Shell(metaclass=_ShellType):
    """An inert object in place of one whose class the file names; keeps its attributes."""

    origin = ''
    state: dict[str, Any]

    def __setstate__(self, state: Any) -> None:
        # With __slots__, a pair of dicts.
        parts = state if isinstance(state, tuple) else (state,)
        if not all(part is None or isinstance(part, dict) for part in parts):
            raise CheckpointError(
                f'The file gives {self.origin} a state of its own kind; it was not read. {ADVICE}'
            )
        self.state = {key: value for part in parts if part for key, value in part.items()}


class RestrictedUnpickler(pickle._Unpickler):
    """Builds tensors, containers and shells; refuses everything else.

    Python's own in place of the one in C, which gives a file that numbers an object by 2**31 as
    much memory as that. What is unpickled here is small: the tensors' values lie elsewhere.
    """

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _CALLED:
            return _CALLED[module, name]
        if module == 'torch' and name in _DTYPES:
            return _DTYPES[name]
        if _may_be_module_class(module):
            return _ShellType('NamedShell', (Shell,), {'origin': f'{module}.{name}'})
        raise CheckpointError(
            f'The file names {module}.{name}, which is neither a tensor nor a part of a network; '
            f'it was not read. {ADVICE}'
        )


def _may_be_module_class(module: str) -> bool:
    """Whether this may hold classes of a network: PyTorch's modules, or the file's own project.

    Nothing is looked up there, so a network may be named like a function, and its project need not
    be installed. The standard library is refused by name, for the message.
    """
    top = module.split('.')[0]
    if top == 'torch':
        return module.startswith('torch.nn.')
    return top == '__main__' or top not in {*sys.stdlib_module_names, '__builtin__', 'copy_reg'}


def read_pickled_tensors(path: str | Path) -> dict[str, Tensor]:
    """The state dict of a pickled module, or of a pickled dict of tensors.

    Args:
        path: a file written by ``torch.save(module)``, or of a state dict.

    Raises:
        CheckpointError: there is no such file, it is no checkpoint, it names anything but tensors
            and modules, or it holds no tensors.
    """
    path = check_file(path)
    reader = types.SimpleNamespace(Unpickler=RestrictedUnpickler, load=_load, __name__='restricted')
    try:
        with warnings.catch_warnings():
            # Old files bring the source of their classes, which PyTorch compares with the shells'.
            warnings.simplefilter('ignore')
            content = torch.load(path, map_location='cpu', pickle_module=reader, weights_only=False)
        tensors = dict(_named_tensors(content))
    except CheckpointError as error:
        raise CheckpointError(f'{path}: {error}') from error
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise no_checkpoint(path, error) from error
    if not tensors:
        raise CheckpointError(f'{path} holds no tensors.')
    return tensors


def _load(file: Any, **kwargs: Any) -> Any:
    return RestrictedUnpickler(file, **kwargs).load()


def _named_tensors(node: Any, prefix: str = '') -> Iterator[tuple[str, Tensor]]:
    """Parameters and buffers under their state dict names."""
    state = getattr(node, 'state', node)
    if not isinstance(state, dict):
        return
    if '_modules' not in state:
        content = state.get('state_dict', state)
        if isinstance(content, dict):
            yield from ((n, t.detach()) for n, t in content.items() if isinstance(t, Tensor))
        return
    transient = state.get('_non_persistent_buffers_set', set())
    for name, tensor in {**state['_parameters'], **state['_buffers']}.items():
        if tensor is not None and name not in transient:
            yield prefix + name, tensor.detach()
    for name, child in state['_modules'].items():
        yield from _named_tensors(child, f'{prefix}{name}.')
