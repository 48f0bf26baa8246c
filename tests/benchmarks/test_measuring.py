from __future__ import annotations

import sys

import pytest
import torch

from benchmarks.measuring import memory_of, peak_works, seconds_of, settings_of, time_in_turns

CPU = torch.device('cpu')


def test_every_run_has_its_turn_and_the_first_changes():
    order, said = [], []
    runs = {name: lambda name=name: order.append(name) for name in 'abc'}
    timings = time_in_turns(runs, rounds=3, turn_seconds=0, device=CPU, say=said.append)
    assert ''.join(order) == 'abc' + 'abc' + 'bca' + 'cab'
    assert [len(timing.rounds) for timing in timings.values()] == [3] * 3
    assert said == ['round 1 of 3', 'round 2 of 3', 'round 3 of 3']


def test_short_runs_are_repeated():
    calls = []
    timings = time_in_turns(
        {'a': lambda: calls.append(1)}, rounds=1, turn_seconds=1, device=CPU, say=calls.count
    )
    assert timings['a'].repeats == len(calls) - 1 == 50


@pytest.mark.skipif(sys.platform != 'linux', reason='reads /proc')
def test_memory_of_a_run():
    found = memory_of(lambda: torch.zeros(50 * 2**20), CPU)  # 200 MB
    assert 190 < found['above_mb'] < 260
    assert found['largest_mb'] > found['above_mb']
    # What an earlier run took does not count.
    assert memory_of(lambda: None, CPU)['above_mb'] < 50


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_peak_works_run(dtype):
    works = peak_works(dtype, CPU, small=True)
    assert len(works) == 3
    for work in works.values():
        assert seconds_of(work.run, CPU) > 0
    assert works['convolution 1x32x64x64'].flops == 2 * 64 * 64 * 32 * 32 * 9
    assert works['matrix product 256'].flops == 2 * 256**3


def test_settings(monkeypatch):
    monkeypatch.setenv('MALLOC_MMAP_MAX_', '0')
    settings = settings_of(CPU)
    assert settings['environment']['MALLOC_MMAP_MAX_'] == '0'
    assert settings['torch'] == torch.__version__
    assert {settings['amx_bf16'], settings['avx512_bf16']} <= {True, False}
