"""Programs that tests start: an interrupt reaches them, and none of them outlives its test."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def started(command: Sequence[object], **options: Any) -> Iterator[subprocess.Popen]:
    """A running program, which leads a process group of its own.

    Whatever is left of the group at the end of the block is terminated, whether the test passed,
    failed or was interrupted.

    Args:
        command: The program and its arguments.
        options: Further arguments of ``subprocess.Popen``.
    """
    process = subprocess.Popen(
        [str(word) for word in command],
        start_new_session=True,
        # A shell without job control starts background commands, and so these tests, with SIGINT
        # ignored. Children inherit that, and a shell script cannot even take it back.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        **options,
    )
    try:
        yield process
    finally:
        _end_group(process)


def output_of(
    command: Sequence[object], *, expect: int = 0, timeout: float = 900, **options: Any
) -> str:
    """Run a program to its end and return what it printed, both streams together.

    Args:
        command: The program and its arguments.
        expect: The exit status that it must end with.
        timeout: After how many seconds it is terminated, and the test fails.
        options: Further arguments of ``subprocess.Popen``.
    """
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, 'text': True}
    with started(command, **pipes, **options) as process:
        stdout, stderr = process.communicate(timeout=timeout)
    output = stdout + stderr
    assert process.returncode == expect, output[-4000:]
    return output


def _end_group(process: subprocess.Popen) -> None:
    # First a request: torchrun puts its workers into sessions of their own, and ends them itself.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    process.wait()
