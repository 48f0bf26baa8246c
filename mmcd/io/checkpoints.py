"""Reading checkpoints safely, loading them strictly, and telling weights apart."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmcd.errors import CheckpointError, listed
from mmcd.io.checkpoint_file import check_file, no_checkpoint
from mmcd.io.checkpoint_meta import own_meta, stated_threshold, tuned_threshold
from mmcd.io.downloads import local_file
from mmcd.io.safetensors_file import is_safetensors, read_safetensors
from mmcd.structures import ImageSpec
from mmcd.weights import NAMES, find_model_file

# Of an image description, what decides about the values that a network gets.
DECISIVE = ('bands', 'dtype', 'value_range', 'standardize')


def read_checkpoint(path: str | Path, *, trusted: bool = False) -> dict[str, Any]:
    """Read a checkpoint file without running code from it.

    Args:
        path: a file of tensors and plain values, as mmcd writes them, or a safetensors file, or the
            name of a network that comes with mmcd.
        trusted: read other objects too, which runs code from the file.

    Returns:
        What the file holds, on the CPU; its tensors are under ``state_dict``, or at the top.

    Raises:
        CheckpointError: there is no such file, it is no checkpoint, it is damaged, or it holds
            other objects.
    """
    if str(path) in NAMES:
        path = find_model_file(path)
    content = read_safetensors(path) if is_safetensors(path) else _read_pickled(path, trusted)
    meta = content.get('meta', {})
    if not isinstance(meta, Mapping):
        raise CheckpointError(
            f'The checkpoint {path} holds a {type(meta).__name__} as its `meta`, not a dict.'
        )
    if 'state_dict' in content:
        _check_hash(weights_of(content, path), own_meta(meta).get('weights_sha256'), path)
    return content


def _check_hash(state_dict: Mapping[str, Tensor], noted: str | None, path: str | Path) -> None:
    """Compare the weights with the hash that they were saved with, where there is one."""
    if noted is not None and hash_weights(state_dict) != noted:
        raise CheckpointError(
            f'The checkpoint {path} is damaged: its weights are not those that it was saved with '
            '(their hash differs). Take another one, or copy or download it again. A program that '
            "changes weights must remove meta['mmcd']['weights_sha256']."
        )


def weights_of(content: Mapping[str, Any], path: str | Path) -> dict[str, Tensor]:
    """The weights that a checkpoint holds, under ``state_dict`` or at its top.

    Args:
        content: of :func:`read_checkpoint`.
        path: of the file, for the message.

    Raises:
        CheckpointError: they are no dict of dense tensors of real numbers by name.
    """
    state_dict = content.get('state_dict', content)
    where = 'as its `state_dict`' if 'state_dict' in content else 'at its top'
    if not isinstance(state_dict, dict):
        raise CheckpointError(
            f'The checkpoint {path} holds a {type(state_dict).__name__} {where}, not a dict of '
            'tensors.'
        )
    faults = [fault for name, value in state_dict.items() if (fault := _fault_of(name, value))]
    if faults:
        raise CheckpointError(
            f'The checkpoint {path} holds other things than weights {where}: '
            f'{"; ".join(faults[:3])}. Expected dense tensors of real numbers by their names.'
        )
    return state_dict


def _fault_of(name: Any, value: Any) -> str:
    """What keeps an entry from being a weight; '' where nothing does."""
    if not isinstance(name, str):
        return f'the name {name!r:.40} is a {type(name).__name__}'
    if not isinstance(value, Tensor):
        return f'{name} is a {type(value).__name__}'
    if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
        kinds = dict(quantised=value.is_quantized, complex=value.is_complex(), empty=value.is_meta)
        kind = next((kind for kind, applies in kinds.items() if applies), 'sparse')
        return f'{name} is {kind} ({value.dtype}, {value.layout})'
    return ''


def _read_pickled(path: str | Path, trusted: bool) -> dict[str, Any]:
    path = check_file(path)
    try:
        content = torch.load(path, map_location='cpu', weights_only=not trusted)
    except UnpicklingError as error:
        raise CheckpointError(
            f'The checkpoint {path} holds more than tensors and plain values, so that reading it '
            f'would run code from the file; it was not read ({_unpickling_reason(error)}). A '
            'checkpoint of the official DARNet release goes through '
            'tools/model_converters/darnet_to_mmcd.py first. '
            'If you trust the origin of the file, load it with --trust-checkpoint.'
        ) from error
    except Exception as error:  # a damaged file raises whatever it likes
        raise no_checkpoint(path, error) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f'The checkpoint {path} holds a {type(content).__name__}, not a dict of tensors. '
            'Convert it with a tool of tools/model_converters.'
        )
    return content


def _unpickling_reason(error: UnpicklingError) -> str:
    """What was in the way, without PyTorch's advice to switch its safety off."""
    text = str(error)
    named = re.search(r'GLOBAL ([\w.]+)|class ([\w.]+\.\w+)', text)
    if named:
        return f'it names {named[1] or named[2]}'
    reason = text.split('WeightsUnpickler error: ')[-1].split('. ')[0].split('\n')[0].strip()
    return reason or 'it asks for other objects to be built'


def load_weights(model: nn.Module, path: str | Path, *, trusted: bool = False) -> dict[str, Any]:
    """Load a checkpoint's weights into a model; each name and shape must fit, and the images.

    Args:
        model: takes the weights, on the device where it is.
        path: the checkpoint file.
        trusted: see :func:`read_checkpoint`.

    Returns:
        The checkpoint's ``meta``, or an empty dict.

    Raises:
        CheckpointError: the file can't be read, weights are missing, unknown or of other shapes,
            or the model was trained on images of another kind than its config states.
    """
    return take_weights(model, read_checkpoint(path, trusted=trusted), path)


def take_weights(model: nn.Module, content: Mapping[str, Any], path: str | Path) -> dict[str, Any]:
    """:func:`load_weights` for a checkpoint that was read before.

    Args:
        model: takes the weights.
        content: from :func:`read_checkpoint`.
        path: the file's name, for messages.
    """
    state_dict = weights_of(content, path)
    meta = content.get('meta', {})
    image = getattr(model, 'image', None)
    if isinstance(image, ImageSpec):  # first: other bands give other shapes
        # Published and converted files describe the images only in what mmcd notes.
        trained_on = meta.get('dataset_meta') or {}
        _check_trained_image(
            trained_on if 'image' in trained_on else own_meta(meta), image, str(path)
        )
    faults = compare_names(state_dict, model.state_dict())
    if faults:
        raise CheckpointError(
            f'The checkpoint {path} does not fit the model {type(model).__name__}. Is it of '
            f'another config?\n{faults}'
        )
    model.load_state_dict(state_dict)
    # Also where there is none: that of weights which were loaded before does not hold any more.
    setattr(model, 'tuned_threshold', tuned_threshold(meta, str(path)))  # noqa: B010
    setattr(model, 'checkpoint_threshold', stated_threshold(meta))  # noqa: B010
    return meta


def _check_trained_image(meta: Mapping[str, Any], image: ImageSpec, checkpoint: str) -> None:
    """Check that a config describes the images that a checkpoint was trained on.

    Args:
        meta: what the checkpoint notes; without an image description, as of files that other
            programs or earlier versions wrote, nothing is checked.
        image: the config's description.
        checkpoint: the file's name.

    Raises:
        CheckpointError: they differ in bands, type, value range or standardisation.
    """
    if 'image' not in meta:
        return
    trained = ImageSpec.from_config(meta['image'])
    differing = [key for key in DECISIVE if getattr(trained, key) != getattr(image, key)]
    if differing:
        theirs = ', '.join(f'{key}={getattr(trained, key)}' for key in differing)
        ours = ', '.join(f'{key}={getattr(image, key)}' for key in differing)
        raise CheckpointError(
            f'The checkpoint {checkpoint} was trained on images with {theirs}, but the config '
            f'states {ours}. Use the config that it was trained with, or change `image` in this '
            'one.'
        )


def compare_names(ours: dict[str, Tensor], expected: dict[str, Tensor]) -> str:
    """What differs between two state dicts in names and shapes; '' where they fit."""
    other_shape = [
        f'{name}: {tuple(ours[name].shape)}, expected {tuple(expected[name].shape)}'
        for name in ours.keys() & expected.keys()
        if ours[name].shape != expected[name].shape
    ]
    lists = {
        'missing': sorted(expected.keys() - ours.keys()),
        'unknown': sorted(ours.keys() - expected.keys()),
        'of another shape': sorted(other_shape),
    }
    return '\n'.join(
        f'{len(names)} {what}:\n{listed(names)}' for what, names in lists.items() if names
    )


def use_safe_loading(*, trusted: bool = False) -> None:
    """Let MMEngine read checkpoints (``load_from``, ``init_cfg``, ``--resume``) as we do.

    MMEngine's own reading depends on its version: it refuses its own files, or falls back to
    running code. All of its schemes go through ours, see :func:`mmcd.io.downloads.local_file`. A
    tool calls this once, before it builds its runner.
    """

    # MMEngine logs what follows `load_from_` in its name.
    def load_from_mmcd(filename: str, map_location: Any = None) -> dict[str, Any]:
        return read_checkpoint(local_file(filename), trusted=trusted)

    schemes = ['', *CheckpointLoader._schemes]
    CheckpointLoader.register_scheme(prefixes=schemes, loader=load_from_mmcd, force=True)


@contextmanager
def safe_loading() -> Iterator[None]:
    """:func:`use_safe_loading` within a block, for a program that is not ours alone."""
    former = dict(CheckpointLoader._schemes)
    use_safe_loading()
    try:
        yield
    finally:
        for prefix, loader in former.items():
            CheckpointLoader.register_scheme(prefixes=prefix, loader=loader, force=True)


def weights_sha256(model: nn.Module) -> str:
    """A hash over the names and the values of all that a model's state dict holds."""
    return hash_weights(model.state_dict())


def hash_weights(state_dict: Mapping[str, Tensor]) -> str:
    """A hash over names and values."""
    digest = hashlib.sha256()
    for name, value in sorted(state_dict.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
