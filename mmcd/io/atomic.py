"""Atomic writes: a file's name never stands for half of one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mmcd.errors import FileWriteError

PARTIAL = '.part'


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """A temporary name to write under, which becomes ``path`` where nothing fails.

    Args:
        path: the file; its folder must be there.
        sync: have the file on the disk before it gets its name, so that a loss of power leaves the
            whole one or none. Leave it out for many small files of which another one says that they
            are complete.

    Raises:
        FileWriteError: it can't be written; the reason and the free space are named.
    """
    # The process number keeps two processes that write the same file apart.
    partial = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
    try:
        yield partial
        if sync:
            sync_to_disk(partial)
        os.replace(partial, path)
        if sync:
            sync_to_disk(path.parent)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, FileWriteError):
            raise cannot_write(path, error) from error
        raise


def write_whole(path: Path, content: bytes | str, *, sync: bool = True) -> None:
    """Write a file; it appears under its name only when it is complete.

    Args:
        path: the file; its folder must be there.
        content: what it holds.
        sync: see :func:`atomic_path`.

    Raises:
        FileWriteError: it can't be written; the reason and the free space are named.
    """
    with atomic_path(path, sync=sync) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def check_writable(path: Path) -> None:
    """Check before the work that a file can be written after it; its folder is made.

    Raises:
        FileWriteError: it can't be, or the name is a folder's.
    """
    if os.path.isdir(path):  # Path.is_dir fails on a name that is too long
        raise FileWriteError(f'Cannot write {path}: it is the name of a folder. Name a file.')
    probe = path.with_name(f'.{path.name}.{os.getpid()}{PARTIAL}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise cannot_write(path, error) from error


def make_folder(path: Path) -> None:
    """Make a folder, and those that it is in.

    Raises:
        FileWriteError: it can't be made, or the name is a file's.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FileWriteError(f'Cannot make the folder {path}: {reason}. Name another.') from error


def cannot_write(path: Path, error: OSError) -> FileWriteError:
    """The error for a file that can't be written, with the reason and the free space."""
    reason = (error.strerror or str(error)).rstrip('.')
    text = f'Cannot write {path}: {reason}. {free_space(path.parent)}'.rstrip()
    written = FileWriteError(text)
    written.errno = error.errno
    return written


def free_space(folder: Path) -> str:
    """How much room a folder's disk has, as a sentence; '' where that is not known."""
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        free = shutil.disk_usage(folder).free
    except OSError:  # also where the name is too long to be looked for
        return ''
    return f'Its disk has {free / 1e6:,.0f} MB left.'


def sweep_partial(folder: Path) -> None:
    """Remove what runs that were killed have left half-written in a folder."""
    for path in folder.glob(f'.*{PARTIAL}'):
        path.unlink(missing_ok=True)


def sync_to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's names, are on the disk.

    A disk that is full may say so only now.
    """
    if path.is_dir() and os.name == 'nt':  # Windows opens no folders
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
