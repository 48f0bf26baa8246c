"""The networks that come with mmcd, by their names."""

from __future__ import annotations

from pathlib import Path

from mmcd.errors import CheckpointError

NAMES = ('buildings',)
SUFFIX = '.safetensors'


def shipped_weights(name: str) -> Path | None:
    """The file of a network that comes with mmcd; None where this installation does not have it.

    Args:
        name: such as 'buildings'.
    """
    path = Path(__file__).with_name(f'{name}{SUFFIX}')
    return path if name in NAMES and path.is_file() else None


def find_model_file(model: str | Path) -> Path:
    """The file of a model that is given by its path or by a name of ours.

    A file of that name goes before the network.

    Raises:
        CheckpointError: this installation does not hold the network of that name.
    """
    path = Path(str(model)).expanduser()
    if str(model) not in NAMES or path.is_file():
        return path
    shipped = shipped_weights(str(model))
    if shipped is None:
        raise CheckpointError(
            f'This installation of mmcd holds no weights of the network {str(model)!r}. Name a '
            'checkpoint of your own instead, such as one that tools/train.py wrote '
            '(work_dirs/NAME/best_*.pth).'
        )
    return shipped
