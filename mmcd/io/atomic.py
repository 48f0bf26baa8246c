"""Writing files so that a name never stands for half of one."""

from __future__ import annotations

import os
from pathlib import Path

PARTIAL = '.part'


def write_whole(path: Path, content: bytes) -> None:
    """Write a file; it appears under its name only when it is complete.

    Args:
        path: the file; its folder must be there.
        content: what it holds.
    """
    # The process number keeps two processes that write the same file apart.
    partial = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sweep_partial(folder: Path) -> None:
    """Remove what runs that were killed have left half-written in a folder."""
    for path in folder.glob(f'.*{PARTIAL}'):
        path.unlink(missing_ok=True)
