"""The processes in which a suite trains and tests, and how they are asked to end."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmcd.errors import StoppedBySignalError


class Processes:
    """Runs processes, from several threads, until it is asked to end.

    Where only the suite's own process were ended, its trainings would go on without it and keep
    their folders locked, so that the same command would fail until they had ended.
    """

    def __init__(self) -> None:
        self._running: set[subprocess.Popen[bytes]] = set()
        # A signal can come while its handler holds the lock.
        self._lock = threading.RLock()
        self._asked = 0

    def run(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> int:
        """Run a process to its end, and return its status.

        Args:
            command: the program and its arguments.
            log: what the process prints is added to this file.
            environment: of the process.

        Raises:
            StoppedBySignalError: the suite has been asked to end, before or meanwhile.
        """
        with log.open('ab') as file:
            with self._lock:
                self._refuse_when_asked()
                process = subprocess.Popen(
                    list(command), stdout=file, stderr=subprocess.STDOUT, env=dict(environment)
                )
                self._running.add(process)
            try:
                status = process.wait()
            finally:
                with self._lock:
                    self._running.discard(process)
        if status:
            self._refuse_when_asked()
        return status

    def end(self, number: int) -> None:
        """Pass a signal on to what is running, and start nothing more."""
        with self._lock:
            self._asked = number
            for process in self._running:
                process.send_signal(number)

    def _refuse_when_asked(self) -> None:
        if self._asked:
            raise StoppedBySignalError('The suite has been asked to end.', self._asked)
