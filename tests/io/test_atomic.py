from __future__ import annotations

import os

import pytest

from mmcd.io.atomic import sweep_partial, write_whole


def test_writes_and_replaces(tmp_path):
    path = tmp_path / 'file.png'
    write_whole(path, b'one')
    write_whole(path, b'two')
    assert path.read_bytes() == b'two'
    assert list(tmp_path.iterdir()) == [path]


def test_a_stopped_write_leaves_the_old_file_and_nothing_half(tmp_path, monkeypatch):
    path = tmp_path / 'file.png'
    write_whole(path, b'one')

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, 'replace', stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b'two')
    assert path.read_bytes() == b'one'
    assert list(tmp_path.iterdir()) == [path]


def test_sweeps_only_partial_files(tmp_path):
    for name in ('.a.png.12.part', 'a.png', '.hidden', 'b.part'):
        (tmp_path / name).touch()
    sweep_partial(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {'a.png', '.hidden', 'b.part'}
