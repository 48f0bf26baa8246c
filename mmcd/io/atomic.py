"""Atomic writes: a file's name never stands for half of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARTIAL = '.part'


@contextmanager
def atomic_path(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """A temporary name to write under, which becomes ``path`` where nothing fails.

    Args:
        path: the file; its folder must be there.
        sync: have the content on the disk before the name, so that a power failure leaves the file
            that was there or the whole new one.
    """
    # The process number keeps two processes that write the same file apart.
    partial = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
    try:
        yield partial
        if sync:
            sync_to_disk(partial)
        os.replace(partial, path)
        if sync and os.name != 'nt':  # Windows opens no folders
            sync_to_disk(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def sync_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
