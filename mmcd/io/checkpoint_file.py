"""Whether a file is a checkpoint, and whole, before anything is read from it."""

from __future__ import annotations

import difflib
import tarfile
import zipfile
from pathlib import Path

import torch

from mmcd.errors import CheckpointError
from mmcd.weights import NAMES

SUFFIXES = ('.pth', '.safetensors')

# How the files start that torch.save writes: since 1.6, and before (a pickled magic number).
ZIP_MAGIC = b'PK\x03\x04'
LEGACY_MAGIC = b'\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.'


def require_file(path: str | Path) -> Path:
    """The path of a checkpoint, with the user's folder in place of ``~``.

    Raises:
        CheckpointError: there is no such file.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise CheckpointError(f'No such checkpoint: {path} (from {Path.cwd()}). {_nearby(path)}')
    return path


def check_file(path: str | Path) -> Path:
    """The path of a file that ``torch.load`` reads as a pickle, and as nothing else.

    Of the other formats that it takes, TorchScript archives bring code that runs while they are
    loaded, and the tar files of before 2017 are unpacked with their links and file modes.

    Raises:
        CheckpointError: there is no such file, or it is of another format.
    """
    path = require_file(path)
    with path.open('rb') as file:
        start = file.read(len(LEGACY_MAGIC))
    if start.startswith(ZIP_MAGIC):
        try:
            # By PyTorch's own reader: another one may see other records in a file made to deceive.
            records = torch._C.PyTorchFileReader(str(path)).get_all_records()
        except (RuntimeError, ValueError) as error:  # ValueError: names that are no text
            raise no_checkpoint(path, error) from error
        if 'constants.pkl' in records:
            raise CheckpointError(
                f'{path} is a TorchScript archive, a program rather than weights; it was not read. '
                'Load it where it was made and save its state_dict() instead.'
            )
        _check_records(path)
    elif start != LEGACY_MAGIC or tarfile.is_tarfile(path):
        raise CheckpointError(
            f'{path} is no PyTorch checkpoint, or was cut short: it starts with {start[:16]!r}. '
            'Was it downloaded whole, and not as a web page or as a Git LFS pointer?'
        )
    return path


def _check_records(path: Path) -> None:
    """Compare what a file holds with its checksums, which ``torch.load`` does not do.

    A single flipped bit gives other weights, and nothing else would tell.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError) as error:
        raise no_checkpoint(path, error) from error
    if damaged is not None:
        raise CheckpointError(
            f'The checkpoint {path} is damaged: its part {damaged} does not have the checksum '
            'that it was saved with. Take another one, or copy or download it again. (Files that '
            'PyTorch has saved without checksums are to be saved again with them.)'
        )


def no_checkpoint(path: Path, error: Exception) -> CheckpointError:
    """The error for a file that cannot be read as one."""
    return CheckpointError(f'{path} is no checkpoint, or was cut short: {first_line(error)}')


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of its text."""
    return f'{type(error).__name__}: {str(error).split(chr(10))[0]}'


def _nearby(path: Path) -> str:
    """Checkpoints that may have been meant."""
    if path.parent == Path() and not path.suffix:
        return f'Name a file, or a network that comes with mmcd: {", ".join(NAMES)}.'
    if not path.parent.is_dir():
        return f'There is no folder {path.parent} either.'
    names = sorted(p.name for p in path.parent.iterdir() if p.suffix in SUFFIXES)
    near = difflib.get_close_matches(path.name, names, n=3, cutoff=0.3) or names[-3:]
    if not near:
        return f'{path.parent} holds no {" or ".join(SUFFIXES)} file.'
    return f'That folder holds {", ".join(near)}.'
