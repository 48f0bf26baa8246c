"""Atomic writes: a file's name never stands for half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = '.part'


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name to write under, which becomes ``path`` where nothing fails.

    Args:
        path: the file; its folder must be there.
    """
    # The process number keeps two processes that write the same file apart.
    partial = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes | str) -> None:
    """Write a file; it appears under its name only when it is complete.

    Args:
        path: the file; its folder must be there.
        content: what it holds.
    """
    with atomic_path(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def sweep_partial(folder: Path) -> None:
    """Remove what runs that were killed have left half-written in a folder."""
    for path in folder.glob(f'.*{PARTIAL}'):
        path.unlink(missing_ok=True)
