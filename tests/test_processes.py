"""The tests' own means: programs are interruptible, and are ended with the test."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from tests.processes import output_of, started

SLEEP = [sys.executable, '-c', 'import time; print("ready", flush=True); time.sleep(600)']


@pytest.fixture
def _interrupts_are_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures('_interrupts_are_ignored')
def test_an_interrupt_reaches_a_program_of_a_background_run():
    with started(SLEEP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == 'ready\n'
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert 'KeyboardInterrupt' in errors
    assert process.returncode != 0


def test_a_test_that_fails_leaves_nothing_behind():
    processes = []

    def fail():
        command = ['bash', '-c', 'sleep 60 & echo ready; wait']
        with started(command, stdout=subprocess.PIPE, text=True) as process:
            processes.append(process)
            assert process.stdout.readline() == 'ready\n'
            raise RuntimeError('the test fails')

    with pytest.raises(RuntimeError, match='the test fails'):
        fail()
    (process,) = processes
    assert process.returncode is not None
    # The pipe ends when its last writer does: the shell's child.
    before = time.monotonic()
    assert process.stdout.read() == ''
    assert time.monotonic() - before < 30


def test_a_program_that_hangs_is_ended():
    with pytest.raises(subprocess.TimeoutExpired):
        output_of(SLEEP, timeout=1)


def test_both_streams_and_the_exit_status():
    code = 'import sys; print("out"); print("err", file=sys.stderr); sys.exit(3)'
    assert output_of([sys.executable, '-c', code], expect=3) == 'out\nerr\n'
    with pytest.raises(AssertionError, match='err'):
        output_of([sys.executable, '-c', code])
