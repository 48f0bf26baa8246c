"""Hashes of files."""

from __future__ import annotations

import hashlib
import os

CHUNK = 1 << 22


def sha256_of(path: str | os.PathLike[str]) -> str | None:
    """The hash of a local file's content, else None."""
    if not os.path.isfile(path):
        return None
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
