"""Running many small jobs in processes, with flat memory and an orderly stop."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import islice
from typing import TypeVar

import cv2

Job = TypeVar('Job')
Result = TypeVar('Result')

WAITING = 4  # jobs handed out per process: enough to keep it busy, few enough to keep memory flat


def run_jobs(
    function: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Iterator[Result]:
    """Call a function for every job and give the results as they come, in any order.

    Args:
        function: of a module, not a closure, so that another process finds it.
        jobs: its arguments, one each; taken only as they are needed.
        workers: processes to work in; 1 works in this one.
    """
    if workers <= 1:
        yield from map(function, jobs)
        return
    jobs = iter(jobs)
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        running: set[Future[Result]] = set()
        try:
            while True:
                room = WAITING * workers - len(running)
                running |= {pool.submit(function, job) for job in islice(jobs, room)}
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


def _start_worker() -> None:
    # Ctrl-C reaches the whole group of processes; the first one stops the others in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the cores already
