"""The networks that come with mmcd, by their names."""

from __future__ import annotations

from pathlib import Path

NAMES = ('buildings',)
SUFFIX = '.safetensors'


def shipped_weights(name: str) -> Path | None:
    """The file of a network that comes with mmcd; None where this installation has it not.

    Args:
        name: such as 'buildings'.
    """
    path = Path(__file__).with_name(f'{name}{SUFFIX}')
    return path if name in NAMES and path.is_file() else None
