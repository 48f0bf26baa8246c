"""Hashes of files."""

from __future__ import annotations

import hashlib
import os
import threading

CHUNK = 1 << 22


def sha256_of(path: str | os.PathLike[str], stop: threading.Event | None = None) -> str | None:
    """The hash of a local file's content, else None.

    Args:
        path: of the file.
        stop: once it is set, the rest of the file is not read, and there is no hash.
    """
    if not os.path.isfile(path):
        return None
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            if stop is not None and stop.is_set():
                return None
            digest.update(chunk)
    return digest.hexdigest()
