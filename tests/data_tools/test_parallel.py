from __future__ import annotations

import pytest

from mmcd.data_tools.parallel import WAITING, run_jobs


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


def test_jobs_are_taken_as_they_are_needed():
    taken = []

    def jobs():
        for number in range(100, 200):
            taken.append(number)
            yield number

    results = run_jobs(double, jobs(), 2)
    next(results)
    assert len(taken) <= 2 * WAITING
    results.close()
