from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mmcd.errors import InUseError
from mmcd.io import run_lock
from mmcd.io.run_lock import hold_lock

HOLD = """
import os, sys
from mmcd.io.run_lock import hold_lock
with hold_lock(sys.argv[1], 'the work dir x'):
    child = os.fork() if sys.argv[2] == 'fork' else 1
    if child == 0:
        sys.stdin.read()
        os._exit(0)
    print('held', flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path, kind: str = 'plain') -> Iterator[subprocess.Popen]:
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, '-c', HOLD, str(path), kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout.readline() == 'held\n'
        yield process
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / 'work' / '.lock'


def test_the_second_is_told_who_the_first_is(lock):
    with holder(lock) as process:
        starts = r'^The work dir y is in use by process'
        with pytest.raises(InUseError, match=starts) as caught, hold_lock(lock, 'the work dir y'):
            pytest.fail('two hold one lock')
        text = str(caught.value)
        assert f'process {process.pid} on {socket.gethostname()} (started 20' in text
        assert 'Wait until it has ended' in text
        # The refusal must not take the first one's record away.
        assert json.loads(lock.with_name('.lock.holder').read_text())['pid'] == process.pid


def test_it_is_free_again_at_the_end(lock):
    with hold_lock(lock, 'x'):
        assert json.loads(lock.with_name('.lock.holder').read_text())['pid'] == os.getpid()
    with pytest.raises(ZeroDivisionError), hold_lock(lock, 'x'):
        raise ZeroDivisionError
    with hold_lock(lock, 'x'):
        pass
    assert not lock.with_name('.lock.holder').exists()


def test_no_file_is_left_where_none_may_be(lock):
    with hold_lock(lock, 'x', keep_file=False):
        assert lock.exists()
    assert list(lock.parent.iterdir()) == []


@pytest.mark.parametrize('kind', ['plain', 'fork'])
def test_the_lock_of_a_killed_process_is_taken_over(lock, kind):
    """Though its record is still there, and a child of it may have outlived it for a while."""
    with holder(lock, kind) as process:
        process.kill()
        process.wait()
        process.stdin.close()  # the child, where there is one, ends some time from here
        assert lock.with_name('.lock.holder').exists()
        with hold_lock(lock, 'x'):
            assert json.loads(lock.with_name('.lock.holder').read_text())['pid'] == os.getpid()


def test_a_lock_of_another_host_is_never_called_dead(lock, monkeypatch):
    with holder(lock):
        record = lock.with_name('.lock.holder')
        record.write_text(record.read_text().replace(socket.gethostname(), 'elsewhere'))
        monkeypatch.setattr(run_lock, '_is_alive', lambda pid: False)
        with pytest.raises(InUseError, match=r'on elsewhere'), hold_lock(lock, 'x'):
            pass


@pytest.mark.parametrize('content', ['', '{"pid": 3}', 'no json', '[]'])
def test_a_record_that_says_nothing(lock, content):
    with holder(lock):
        lock.with_name('.lock.holder').write_text(content)
        unknown = 'another process, which has just'
        with pytest.raises(InUseError, match=unknown), hold_lock(lock, 'x'):
            pass


@pytest.mark.skipif(sys.platform != 'linux', reason='has no folder in which nobody can write')
def test_where_nothing_can_be_written_nobody_is_said_to_hold_the_lock():
    with pytest.raises(OSError, match='/proc'), hold_lock('/proc/.lock', 'x'):
        pytest.fail('a lock in a folder where no file can be made')
