"""Weights with their metadata in a safetensors file, which holds no code by its format.

A checkpoint's ``meta``, plain values only, is one JSON text in the file's header; so that the file
opens without a config, and other programs read the weights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mmcd.errors import CheckpointError
from mmcd.io.atomic import write_whole
from mmcd.io.checkpoint_file import require_file

SUFFIX = '.safetensors'
META = 'meta'  # the key of the header's metadata that holds a checkpoint's `meta`


def is_safetensors(path: str | Path) -> bool:
    """Whether a file is one by its name."""
    return Path(path).suffix.lower() == SUFFIX


def write_safetensors(
    path: str | Path, state_dict: Mapping[str, Tensor], meta: Mapping[str, Any]
) -> None:
    """Write weights and what is known about them; the file appears when it is complete.

    Args:
        path: the file; its folder must be there.
        state_dict: the tensors by name.
        meta: plain values: texts, numbers, lists and dicts of them. Tuples come back as lists.

    Raises:
        CheckpointError: ``meta`` holds other values.
    """
    try:
        text = json.dumps(dict(meta), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"A safetensors file's metadata holds plain values only: {error}."
        ) from error
    tensors = {name: value.detach().cpu().contiguous() for name, value in state_dict.items()}
    write_whole(Path(path), save(tensors, metadata={'format': 'pt', META: text}))


def read_safetensors(path: str | Path) -> dict[str, Any]:
    """Read a file as a checkpoint: ``state_dict``, on the CPU, and ``meta``.

    ``meta`` is empty where another program wrote the file.

    Raises:
        CheckpointError: there is no such file, or it is damaged.
    """
    path = require_file(path)
    try:
        with safe_open(path, framework='pt') as file:
            metadata = file.metadata() or {}
            state_dict = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        meta = json.loads(metadata.get(META, '{}'))
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(
            f'{path} is no safetensors file, or was cut short: {type(error).__name__}: {error}'
        ) from error
    if not isinstance(meta, dict):
        raise CheckpointError(
            f'The metadata of {path} holds a {type(meta).__name__} as its `{META}`, not a dict: '
            'the file was not written by mmcd.'
        )
    return {'state_dict': state_dict, 'meta': meta}
