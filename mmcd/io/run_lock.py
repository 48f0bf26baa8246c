"""A lock on what a run writes, so that two runs never mix their files."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile

from filelock import FileLock, Timeout

from mmcd.errors import InUseError
from mmcd.io.atomic import write_whole

# How long the children of a process that was killed may hold its lock: PyTorch's loading workers
# look every five seconds whether their parent is still there.
SECONDS_FOR_ORPHANS = 20
# It removes no file that is open, and filelock has it removed when the lock is given up.
IS_WINDOWS = os.name == 'nt'


@contextmanager
def hold_lock(path: str | Path, what: str, *, keep_file: bool = True) -> Iterator[None]:
    """Hold an exclusive lock while the block runs.

    The operating system releases the lock when its process ends, however it ends, so that no lock
    of a dead process is in the way. A file beside it, ``NAME.holder``, says who holds it.

    Args:
        path: the lock file; it is made, and so is its folder.
        what: what is locked, as the message says it: "the work dir work_dirs/x".
        keep_file: leave the empty lock file in place at the end. Removing it is for places where no
            other file may be left; waiting processes then have to start anew.

    Raises:
        InUseError: another process holds the lock; its process number, host, start and command are
            named.
        OSError: the folder can't be made, or the file can't be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    holder = path.with_name(f'{path.name}.holder')
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _wait_for_orphans(lock, holder, what)
    try:
        write_whole(holder, json.dumps(_this_process()) + '\n')
        yield
    finally:
        # In this order: while the lock is held, nobody else writes the file.
        holder.unlink(missing_ok=True)
        if not keep_file and not IS_WINDOWS:
            path.unlink(missing_ok=True)
        lock.release()


def _wait_for_orphans(lock: FileLock, holder: Path, what: str) -> None:
    """Take the lock of a dead process once its children have ended.

    Raises:
        InUseError: the holder is alive, or on another host, or its children stay.
        OSError: no file can be written there.
    """
    record = _read(holder)
    if not record:  # where no file can be made at all, the lock looks taken as well
        with TemporaryFile(dir=holder.parent):
            pass
    if record.get('host') == socket.gethostname() and not _is_alive(record.get('pid', 0)):
        try:
            lock.acquire(timeout=SECONDS_FOR_ORPHANS)
        except Timeout:
            record = _read(holder)
        else:
            return
    who = (
        'process {pid} on {host} (started {started}: {command})'.format(**record)
        if record
        else 'another process, which has just started or just ended'
    )
    raise InUseError(
        f'{what[:1].upper()}{what[1:]} is in use by {who}. Two runs would mix their files. Wait '
        'until it has ended, stop it, or name another place for this one.'
    )


def _this_process() -> dict[str, str | int]:
    return dict(
        pid=os.getpid(),
        host=socket.gethostname(),
        started=datetime.now().astimezone().isoformat(timespec='seconds'),
        command=' '.join(sys.argv)[:500],
    )


def _read(holder: Path) -> dict[str, str | int]:
    """What the holder says of itself; nothing where it is just being written or removed."""
    try:
        record = json.loads(holder.read_text())
    except (OSError, ValueError):
        return {}
    whole = isinstance(record, dict) and _this_process().keys() <= record.keys()
    return record if whole else {}


def _is_alive(pid: int | str) -> bool:
    if IS_WINDOWS:  # which has no signal that only asks
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):  # another user's; not a number
        pass
    return True
