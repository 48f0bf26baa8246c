"""Decoded images in uncompressed, memory-mapped files that all loading processes share.

Decoding a 1024x1024 PNG pair takes some 50 ms, copying a crop of it far less than one. With a cache
each file is decoded once, by whichever process comes first; from then on a crop reads its own rows
only, from the page cache of the system, so that no process holds a copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import mmap
import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mmcd.errors import ConfigError
from mmcd.io.atomic import atomic_path, sweep_partial

GIB = 1024**3
DEFAULT_MAX_GB = 50.0
# What stays free on the disk, whatever the limit is: a full disk would stop the training.
SPARED_BYTES = 2 * GIB
# A change of what is stored under a key changes this.
FORMAT = 1
# What is ours in a folder that may hold other things: the cache of a data set, and its entries.
FOLDER = re.compile(r'.+-[0-9a-f]{12}')
ENTRY = re.compile(r'[0-9a-f]{32}\.npy')


@dataclass(frozen=True)
class PixelCache:
    """Arrays by the files that they were decoded from.

    An entry is found by the paths, sizes and modification times of its files and by how they were
    read, so that a changed file is decoded anew. Entries are written aside and renamed: processes
    that decode the same file at once do no harm.

    Args:
        folder: holds the entries of one data set; made at the first write.
        max_bytes: entries beyond this size are not stored, and their files decoded each time.
    """

    folder: Path
    max_bytes: int = int(DEFAULT_MAX_GB * GIB)

    def get(
        self, paths: Sequence[str], settings: str, decode: Callable[[], np.ndarray]
    ) -> np.ndarray:
        """The array of some files, mapped where it is stored already, else decoded and stored.

        Args:
            paths: the files that ``decode`` reads; all of them decide whether an entry holds.
            settings: how they are read, such as an image description in words.
            decode: reads them; its errors pass through, and nothing is stored.

        Returns:
            An array that may be written to without changing the stored one.
        """
        entry = self.folder / f'{_key(paths, settings)}.npy'
        try:
            return _map(entry)
        except FileNotFoundError:
            pass
        except (TypeError, ValueError, EOFError, OSError):  # damaged: written again below
            entry.unlink(missing_ok=True)
        array = decode()
        if self._has_room(array.nbytes):
            self._store(entry, array)
        return array

    def _store(self, entry: Path, array: np.ndarray) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(entry, sync=False) as partial, partial.open('wb') as file:
                np.save(file, array, allow_pickle=False)
        except OSError as error:
            _warn_once(f'The pixel cache {self.folder} cannot be written ({error})')

    def _has_room(self, size: int) -> bool:
        if sum(_sizes(self.folder).values()) + size > self.max_bytes:
            _warn_once(
                f'The pixel cache {self.folder} has reached its limit of '
                f'{self.max_bytes / GIB:g} GB'
            )
            return False
        existing = next(p for p in (self.folder, *self.folder.absolute().parents) if p.is_dir())
        if shutil.disk_usage(existing).free < size + SPARED_BYTES:
            _warn_once(f'The disk of the pixel cache {self.folder} is nearly full')
            return False
        return True


def open_cache(setting: str | dict | None, data_root: str, *, dataset: str) -> PixelCache | None:
    """The cache that a config states.

    Args:
        setting: None: no cache; 'memmap': under :func:`cache_root`; or
            ``dict(folder=..., max_gb=...)``, both optional.
        data_root: the data set's folder, whose path tells its cache from others.
        dataset: name of the data set's class.

    Raises:
        ConfigError: it is something else.
    """
    if setting is None:
        return None
    options = {} if setting == 'memmap' else setting
    if not isinstance(options, dict) or options.keys() - {'folder', 'max_gb'}:
        raise ConfigError(
            "`cache` of a data set is None, 'memmap', or dict(folder=FOLDER, max_gb=NUMBER), but "
            f'got {setting!r}.'
        )
    max_gb = options.get('max_gb', DEFAULT_MAX_GB)
    if not isinstance(max_gb, (int, float)) or not max_gb > 0:
        raise ConfigError(f'`cache`: max_gb is a number of gigabytes above 0, not {max_gb!r}.')
    root = Path(options['folder']).expanduser() if options.get('folder') else cache_root()
    place = hashlib.sha256(str(Path(data_root).resolve()).encode()).hexdigest()[:12]
    return PixelCache(root / f'{dataset}-{place}', int(max_gb * GIB))


def cache_root() -> Path:
    """Where the caches of all data sets lie: in the user's cache folder of the system."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'mmcd' / 'pixels'


def cached_sizes(root: Path) -> dict[str, int]:
    """The bytes in the cache of each data set, by the name of its folder."""
    if not root.is_dir():
        return {}
    return {
        folder.name: sum(_sizes(folder).values())
        for folder in sorted(root.iterdir())
        if folder.is_dir() and FOLDER.fullmatch(folder.name)
    }


def clear_cache(root: Path) -> int:
    """Remove the caches of all data sets; returns how many bytes they took."""
    freed = 0
    for name in cached_sizes(root):
        folder = root / name
        # Entries only, never what else a mistaken folder may hold.
        sweep_partial(folder)
        for entry, size in _sizes(folder).items():
            if ENTRY.fullmatch(entry):
                (folder / entry).unlink(missing_ok=True)
                freed += size
        with contextlib.suppress(OSError):  # something else lies there
            folder.rmdir()
    return freed


def _sizes(folder: Path) -> dict[str, int]:
    """The bytes of each file of a folder, {} where there is none."""
    sizes = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as files:
        for file in files:
            # Another process gives its file the final name, or removes it, between the two.
            with contextlib.suppress(FileNotFoundError):
                sizes[file.name] = file.stat().st_size
    return sizes


def _map(entry: Path) -> np.ndarray:
    """The array of an entry, mapped.

    As ``numpy.load(entry, mmap_mode='c')``, which takes a third of a millisecond for each, most of
    it to look at the path and to parse the header.
    """
    with entry.open('rb') as file:
        # Copy-on-write: a transform that works in place changes its own pages only.
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        shape, dtype, offset = _header(entry.name, file)
    return np.ndarray(shape, dtype, content, offset)


def _header(name: str, file: BinaryIO) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape and type of an entry, and where its values begin; ValueError: it is damaged."""
    if name not in _headers:
        if np.lib.format.read_magic(file) != (1, 0):
            raise ValueError('not as numpy.save writes it')
        shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
        if fortran_order or dtype.hasobject:
            raise ValueError('not as it is stored here')
        _headers[name] = shape, dtype, file.tell()
    return _headers[name]


# Of an entry's name, which tells its content: of this process, some hundred bytes each.
_headers: dict[str, tuple[tuple[int, ...], np.dtype, int]] = {}


def _key(paths: Sequence[str], settings: str) -> str:
    stats = [os.stat(path) for path in paths]
    parts = [
        f'{os.path.abspath(path)}\0{stat.st_size}\0{stat.st_mtime_ns}'
        for path, stat in zip(paths, stats, strict=True)
    ]
    return hashlib.sha256('\0'.join([str(FORMAT), settings, *parts]).encode()).hexdigest()[:32]


_warned: set[str] = set()


def _warn_once(text: str) -> None:
    if text not in _warned:
        _warned.add(text)
        logging.getLogger('mmcd').warning(
            '%s: files beyond it are decoded each time they are read. '
            'tools/dataset_converters/pixel_cache.py shows and clears it.',
            text,
        )
