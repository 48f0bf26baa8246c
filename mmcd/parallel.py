"""Running many small jobs in processes, and how many of them a machine is good for.

With the standard library's pool: unlike multiprocessing.Pool it raises where a worker was killed
instead of waiting for ever, and joblib, which wraps it, is not part of the stack. Imports of this
module are light: the command line asks it for its defaults.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from mmcd.errors import WorkerLostError

MOST_ON_WINDOWS = 61  # processes that it can wait for at once

Job = TypeVar('Job')
Result = TypeVar('Result')


def usable_cores() -> int:
    """How many cores this process may use: of a node's, a scheduler may have given it a few."""
    if hasattr(os, 'sched_getaffinity'):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_jobs(
    function: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Iterator[Result]:
    """Call a function for every job and yield the results as they come, in any order.

    Args:
        function: of a module, not a closure, so that another process finds it.
        jobs: its arguments, one each.
        workers: processes to work in; 1 works in this one.

    Raises:
        WorkerLostError: one of the processes has been killed.
    """
    if workers <= 1:
        with _one_thread():
            yield from map(function, jobs)
        return
    if sys.platform == 'win32':
        workers = min(workers, MOST_ON_WINDOWS)
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        try:
            # as_completed gives up each result that it has yielded, so that memory stays flat.
            for future in as_completed([pool.submit(function, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool as error:
            raise WorkerLostError(
                f'One of {workers} worker processes was killed. Often the system has ended it '
                'because memory ran out: take fewer of them (--workers N).'
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    # Ctrl-C reaches the whole group of processes; the first one stops the others in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)  # the processes share the cores already


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One worker takes one core, here as in a process of its own."""
    import cv2

    former = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(former)
