from __future__ import annotations

import os
import signal
from concurrent.futures.process import BrokenProcessPool

import pytest

from mmcd.data_tools.parallel import run_jobs


def double(number: int) -> int:
    if number == 13:
        raise ValueError('thirteen')
    return 2 * number


@pytest.mark.parametrize('workers', [1, 2])
def test_every_job_once(workers):
    assert sorted(run_jobs(double, range(100, 140), workers)) == [2 * n for n in range(100, 140)]
    assert list(run_jobs(double, [], workers)) == []


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_stops_the_others(workers):
    with pytest.raises(ValueError, match='thirteen'):
        list(run_jobs(double, range(1000), workers))


def test_who_takes_no_more_results_ends_the_others():
    results = run_jobs(double, range(100, 1100), 2)
    next(results)
    results.close()  # hangs where the processes are not ended


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.skipif(not hasattr(signal, 'SIGKILL'), reason='a signal of POSIX')
def test_a_killed_worker_is_an_error():
    with pytest.raises(BrokenProcessPool):
        list(run_jobs(die, range(4), 2))
