from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mmcd.errors import FileWriteError
from mmcd.io.atomic import check_writable, make_folder, sweep_partial, write_whole


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


@pytest.mark.parametrize('step', ['write', 'fsync', 'replace'])
def test_a_full_disk_is_one_message_and_leaves_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / 'file.png'
    write_whole(path, b'one')

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write_half(self, content):
        self.open('wb').write(content[:1])
        full()

    if step == 'write':
        monkeypatch.setattr(Path, 'write_bytes', write_half)
    else:
        monkeypatch.setattr(os, step, full)
    with pytest.raises(FileWriteError, match=r'^Cannot write .*file\.png: No space.* MB left'):
        write_whole(path, b'two')
    monkeypatch.undo()
    assert path.read_bytes() == b'one' and list(tmp_path.iterdir()) == [path]


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, 'fsync', lambda _: done.append('fsync'))
    replace = os.replace
    monkeypatch.setattr(os, 'replace', lambda *a: (done.append('replace'), replace(*a)))
    write_whole(tmp_path / 'a', b'one')
    write_whole(tmp_path / 'b', b'one', sync=False)
    assert done == ['fsync', 'replace', 'fsync', 'replace']


def test_what_cannot_be_written_is_known_before(tmp_path):
    check_writable(tmp_path / 'new' / 'file.json')
    assert list(tmp_path.rglob('*')) == [tmp_path / 'new']
    with pytest.raises(FileWriteError, match='new: it is the name of a folder'):
        check_writable(tmp_path / 'new')
    for length in (255, 300):  # of which the name itself is too long, too
        with pytest.raises(FileWriteError, match='File name too long'):
            check_writable(tmp_path / ('x' * length))
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match=r'Cannot make the folder .*file.a: Not a directory'):
        make_folder(tmp_path / 'file' / 'a')
