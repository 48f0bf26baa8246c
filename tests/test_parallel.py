from __future__ import annotations

import os
import sys

import cv2
import pytest

from mmcd.cli.commands import audit, prepare
from mmcd.errors import WorkerLostError
from mmcd.parallel import run_jobs, usable_cores


def double(number: int) -> int:
    if number == 13:
        raise ValueError('thirteen')
    return 2 * number


@pytest.mark.parametrize('workers', [1, 2])
def test_every_job_once(workers):
    assert sorted(run_jobs(double, range(100, 140), workers)) == [2 * n for n in range(100, 140)]
    assert list(run_jobs(double, [], workers)) == []


def threads(number: int) -> int:
    return cv2.getNumThreads()


def test_one_worker_takes_one_core():
    former = cv2.getNumThreads()
    assert list(run_jobs(threads, range(3), 1)) == [1, 1, 1]
    assert cv2.getNumThreads() == former


@pytest.mark.parametrize('workers', [1, 2])
def test_an_error_stops_the_others(workers):
    with pytest.raises(ValueError, match='thirteen'):
        list(run_jobs(double, range(1000), workers))


def test_who_takes_no_more_results_ends_the_others():
    results = run_jobs(double, range(100, 1100), 2)
    next(results)
    results.close()  # hangs where the processes are not ended


def die(number: int) -> int:
    os._exit(number)


def test_a_killed_worker_is_an_error():
    with pytest.raises(WorkerLostError, match=r'One of 2 worker processes was killed.*--workers N'):
        list(run_jobs(die, range(4), 2))


def test_windows_takes_no_more_processes_than_it_can(monkeypatch):
    monkeypatch.setattr(sys, 'platform', 'win32')  # which Python's pool looks at, too
    assert list(run_jobs(double, [], 128)) == []


def test_the_cores_are_those_of_the_process_not_of_the_machine(monkeypatch):
    monkeypatch.setattr(os, 'cpu_count', lambda: 128)
    monkeypatch.setattr(os, 'sched_getaffinity', lambda process: {3, 4, 5}, raising=False)
    assert usable_cores() == 3
    assert prepare.parse_args(['oscd', 'data']).workers == 3
    assert audit.parse_args(['data']).workers == 3
    monkeypatch.delattr(os, 'sched_getaffinity')
    assert usable_cores() == 128
