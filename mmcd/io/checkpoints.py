"""Reading checkpoints safely, loading them strictly, and telling weights apart."""

from __future__ import annotations

import difflib
import hashlib
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_meta import tuned_threshold
from mmcd.io.safetensors_file import is_safetensors, read_safetensors
from mmcd.structures import ImageSpec

MOST_LISTED = 20
# How the files start that torch.save writes: since 1.6, and before (a pickled magic number).
ZIP_MAGIC = b'PK\x03\x04'
LEGACY_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'

# Of an image description, what decides about the values that a network gets.
DECISIVE = ('bands', 'dtype', 'value_range')


def read_checkpoint(path: str | Path, *, trusted: bool = False) -> dict[str, Any]:
    """Read a checkpoint file without running code from it.

    Args:
        path: a file of tensors and plain values, as mmcd writes them, or a safetensors file.
        trusted: read other objects too, which runs code from the file.

    Returns:
        What the file holds, on the CPU; its tensors are under ``state_dict``, or at the top.

    Raises:
        CheckpointError: there is no such file, it is no checkpoint, or it holds other objects.
    """
    if is_safetensors(path):
        return read_safetensors(path)
    path = check_file(path)
    try:
        content = torch.load(path, map_location='cpu', weights_only=not trusted)
    except UnpicklingError as error:
        raise CheckpointError(
            f'The checkpoint {path} holds more than tensors and plain values, so that reading it '
            f'would run code from the file; it was not read ({_unpickling_reason(error)}). A '
            'checkpoint of the official DARNet release goes through '
            'tools/model_converters/darnet_to_mmcd.py first. '
            'If you trust the origin of the file, name it: --trust-checkpoint.'
        ) from error
    except Exception as error:  # a damaged file raises whatever it likes
        raise CheckpointError(
            f'{path} is no checkpoint, or was cut short: {first_line(error)}'
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(
            f'The checkpoint {path} holds a {type(content).__name__}, not a dict of tensors. '
            'Convert it with a tool of tools/model_converters.'
        )
    return content


def check_file(path: str | Path) -> Path:
    """The path of a file that ``torch.load`` reads as a pickle, and as nothing else.

    Of the other formats that it takes, TorchScript archives bring code that runs while they are
    loaded, and the tar files of before 2017 are unpacked with their links and file modes.

    Raises:
        CheckpointError: there is no such file, or it is of another format.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f'No such checkpoint: {path} (from {Path.cwd()}). {_nearby(path)}')
    with path.open('rb') as file:
        start = file.read(len(LEGACY_MAGIC))
    if start.startswith(ZIP_MAGIC):
        try:
            # By PyTorch's own reader: another one may see other records in a file made to deceive.
            records = torch._C.PyTorchFileReader(str(path)).get_all_records()
        except RuntimeError as error:
            raise CheckpointError(
                f'{path} is no checkpoint, or was cut short: {first_line(error)}'
            ) from error
        if 'constants.pkl' in records:
            raise CheckpointError(
                f'{path} is a TorchScript archive, a program rather than weights; it was not read. '
                'Load it where it was made and save its state_dict() instead.'
            )
    elif start != LEGACY_MAGIC or tarfile.is_tarfile(path):
        raise CheckpointError(
            f'{path} is no PyTorch checkpoint, or was cut short: it starts with {start[:16]!r}. '
            'Was it downloaded whole, and not as a web page or as a Git LFS pointer?'
        )
    return path


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of its text."""
    return f'{type(error).__name__}: {str(error).split(chr(10))[0]}'


def _unpickling_reason(error: UnpicklingError) -> str:
    """What was in the way, without PyTorch's advice to switch its safety off."""
    text = str(error)
    named = re.search(r'(?:GLOBAL|class) ([\w.]+\.\w+)', text)
    if named:
        return f'it names {named[1]}'
    return text.split('WeightsUnpickler error: ')[-1].split('. ')[0].split('\n')[0].strip()


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
    state_dict = content.get('state_dict', content)
    if not isinstance(state_dict, dict):
        raise CheckpointError(
            f'The checkpoint {path} holds a {type(state_dict).__name__} as its `state_dict`, not a '
            'dict of tensors.'
        )
    meta = content.get('meta', {})
    image = getattr(model, 'image', None)
    if isinstance(image, ImageSpec):  # first: other bands give other shapes
        _check_trained_image(meta.get('dataset_meta') or {}, image, str(path))
    faults = compare_names(state_dict, model.state_dict())
    if faults:
        raise CheckpointError(
            f'The checkpoint {path} does not fit the model {type(model).__name__}. Is it of '
            f'another config?\n{faults}'
        )
    model.load_state_dict(state_dict)
    # Also where there is none: that of weights which were loaded before does not hold any more.
    setattr(model, 'tuned_threshold', tuned_threshold(meta, str(path)))  # noqa: B010
    return meta


def _check_trained_image(meta: Mapping[str, Any], image: ImageSpec, checkpoint: str) -> None:
    """Check that a config describes the images that a checkpoint was trained on.

    Args:
        meta: what the checkpoint holds of its data set; without an image description, as of files
            that other programs or earlier versions wrote, nothing is checked.
        image: the config's description.
        checkpoint: the file's name.

    Raises:
        CheckpointError: they differ in bands, type or value range.
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
    lines = []
    for what, names in lists.items():
        if names:
            lines.append(f'{len(names)} {what}:')
            lines += [f'  {name}' for name in names[:MOST_LISTED]]
            if len(names) > MOST_LISTED:
                lines.append(f'  ... and {len(names) - MOST_LISTED} more')
    return '\n'.join(lines)


def use_safe_loading(*, trusted: bool = False) -> None:
    """Let MMEngine read local checkpoints (``load_from``, ``init_cfg``, ``--resume``) as we do.

    MMEngine's own reading depends on its version: it refuses its own files, or falls back to
    running code. A tool calls this once, before it builds its runner.
    """

    def load_from_local(filename: str, map_location: Any = None) -> dict[str, Any]:
        return read_checkpoint(filename, trusted=trusted)

    CheckpointLoader.register_scheme(prefixes='', loader=load_from_local, force=True)


def _nearby(path: Path) -> str:
    """Checkpoints that may have been meant."""
    if not path.parent.is_dir():
        return f'There is no folder {path.parent} either.'
    names = sorted(p.name for p in path.parent.glob('*.pth'))
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.3) or names[-3:]
    if not near:
        return f'{path.parent} holds no .pth file.'
    return f'That folder holds {", ".join(near)}.'


def weights_sha256(model: nn.Module) -> str:
    """A hash over the names and the values of all that a model's state dict holds."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
