"""The local file of weights that are given by an address; nothing is read by MMEngine's loaders."""

from __future__ import annotations

import hashlib
import os
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import torch
from mmengine import dist
from mmengine.runner.checkpoint import get_external_models, get_torchvision_models

from mmcd.errors import CheckpointError
from mmcd.io.atomic import atomic_path, make_folder
from mmcd.io.checkpoint_file import check_file
from mmcd.io.safetensors_file import is_safetensors, read_safetensors
from mmcd.weights import find_model_file

# Of MMEngine's schemes, those that are names of addresses, and what gives the addresses.
CATALOGUES = {
    'torchvision': get_torchvision_models,
    'modelzoo': get_torchvision_models,  # its older name
    'openmmlab': get_external_models,
    'open-mmlab': get_external_models,
}


def local_file(source: str | Path) -> Path:
    """The local file of some weights, downloaded where they are remote.

    Args:
        source: a file, the name of a network that comes with mmcd, an ``https://`` or ``http://``
            address, or ``torchvision://NAME`` or ``openmmlab://NAME``. What is downloaded is kept
            in PyTorch's hub folder.

    Raises:
        CheckpointError: the scheme is another one, the catalogue has no such name, the file can't
            be downloaded, or this installation does not hold the network.
    """
    scheme, separator, name = str(source).partition('://')
    if not separator:
        return find_model_file(source)
    if scheme in ('http', 'https'):
        return _download(str(source))
    if scheme not in CATALOGUES:
        raise CheckpointError(
            f'{source} is not read: mmcd downloads checkpoints from https://, http://, '
            f'torchvision:// and openmmlab://. Download the file, and name it by its path.'
        )
    addresses = CATALOGUES[scheme]()
    if name not in addresses:
        raise CheckpointError(f'{scheme} has no weights named {name!r}. Correct the name.')
    return _download(addresses[name])


def _download(url: str) -> Path:
    """The file of an address in PyTorch's hub folder; the first process fetches it."""
    path, checksum = _place(url)
    if dist.is_main_process():
        _fetch(url, path, checksum)
    dist.barrier()
    _fetch(url, path, checksum)  # on other machines than the first process's
    return path


def _place(url: str) -> tuple[Path, str | None]:
    """Where an address is kept, and the start of the hash that its name states, if any.

    Names without one are common to many addresses, so that those are kept apart.
    """
    name = PurePosixPath(urlsplit(url).path).name or 'weights.pth'
    folder = Path(torch.hub.get_dir()) / 'checkpoints'
    stated = torch.hub.HASH_REGEX.search(name)
    if stated is None:
        folder /= hashlib.sha256(url.encode()).hexdigest()[:16]
    return folder / name, stated and stated.group(1)


def _fetch(url: str, path: Path, checksum: str | None) -> None:
    if path.is_file():
        return
    make_folder(path.parent)
    # What is cut short or no checkpoint never gets the name: later calls would take it for whole.
    with atomic_path(path) as partial:
        try:
            torch.hub.download_url_to_file(url, str(partial), checksum, progress=os.isatty(2))
            read_safetensors(partial) if is_safetensors(path) else check_file(partial)
        except CheckpointError as error:
            raise CheckpointError(str(error).replace(str(partial), url)) from error
        except (OSError, HTTPException, RuntimeError, ValueError) as error:
            raise CheckpointError(
                f"{url} can't be downloaded: {error}. Use a local file."
            ) from error
