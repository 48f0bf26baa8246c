"""Running many small jobs in processes.

With the standard library's pool: unlike multiprocessing.Pool it raises where a worker was killed
instead of waiting for ever, and joblib, which wraps it, is not part of the stack.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

import cv2

Job = TypeVar('Job')
Result = TypeVar('Result')


def run_jobs(
    function: Callable[[Job], Result], jobs: Iterable[Job], workers: int
) -> Iterator[Result]:
    """Call a function for every job and yield the results as they come, in any order.

    Args:
        function: of a module, not a closure, so that another process finds it.
        jobs: its arguments, one each.
        workers: processes to work in; 1 works in this one.
    """
    if workers <= 1:
        yield from map(function, jobs)
        return
    with ProcessPoolExecutor(workers, initializer=_start_worker) as pool:
        try:
            # as_completed gives up each result that it has yielded, so that memory stays flat.
            for future in as_completed([pool.submit(function, job) for job in jobs]):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _start_worker() -> None:
    # Ctrl-C reaches the whole group of processes; the first one stops the others in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the cores already
