from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from mmcd.io.hashing import sha256_of


def test_files_and_what_is_none(tmp_path: Path) -> None:
    path = tmp_path / 'a.tif'
    path.write_bytes(b'pixels')
    assert sha256_of(str(path)) == hashlib.sha256(b'pixels').hexdigest()
    assert sha256_of('/vsicurl/https://example.org/a.tif') is None


def test_the_rest_of_a_file_is_not_read_once_it_is_said(tmp_path: Path) -> None:
    path, stop = tmp_path / 'a.tif', threading.Event()
    path.write_bytes(b'pixels')
    assert sha256_of(path, stop) == sha256_of(path)
    stop.set()
    assert sha256_of(path, stop) is None
