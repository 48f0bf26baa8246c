"""A suite that is asked to end asks what it runs to end, and starts nothing more."""

import os
import signal
import sys
import threading
import time

import pytest

from mmcd.cli.commands.benchmark import run_all
from mmcd.cli.console import exit_status
from mmcd.errors import StoppedBySignalError
from mmcd.suites.execution import Place
from mmcd.suites.processes import Processes
from mmcd.suites.suite import SuiteRun

# Ends by a signal in its own way, as a training that writes a checkpoint first.
TRAINING = """
import signal, sys, time
def end(number, frame):
    print('checkpoint', flush=True)
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
print('ready', flush=True)
time.sleep(60)
"""


def run_of(name, weights=None):
    return SuiteRun(
        config='fc_ef_sample', name=name, benchmark='tiny', title=name, seed=0, weights=weights
    )


def when_written(log, text, then):
    """Do something as soon as a log holds a text, beside the test."""

    def wait():
        while not (log.is_file() and text in log.read_text()):
            time.sleep(0.01)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()


def test_a_suite_passes_a_signal_on_and_runs_nothing_more(tmp_path, monkeypatch, capsys):
    log = tmp_path / 'train.log'
    started = []

    def execute(run, place, *, gpu, processes):
        started.append(run.name)
        program = [sys.executable, '-c', TRAINING]
        processes.run(program, log=log, environment=os.environ)

    monkeypatch.setattr('mmcd.suites.execution.execute', execute)
    when_written(log, 'ready', lambda: os.kill(os.getpid(), signal.SIGTERM))
    place = Place(tmp_path, tmp_path, {})
    said = r'Stopped by SIGTERM\. Finished runs are kept.*the same command continues'
    with pytest.raises(StoppedBySignalError, match=said) as caught:
        run_all([run_of('first'), run_of('second')], place, jobs=1)
    assert exit_status(caught.value) == 143
    assert log.read_text().split() == ['ready', 'checkpoint']
    assert started == ['first']
    assert 'failed' not in capsys.readouterr().err


def test_a_process_that_is_asked_for_late_is_not_started(tmp_path):
    processes = Processes()
    processes.end(signal.SIGTERM)
    with pytest.raises(StoppedBySignalError, match='has been asked to end'):
        processes.run([sys.executable, '-c', ''], log=tmp_path / 'log', environment=os.environ)


def test_the_status_and_what_was_printed_come_back(tmp_path):
    log = tmp_path / 'log'
    for text in ('one', 'two'):
        program = [sys.executable, '-c', f'print("{text}"); raise SystemExit(3)']
        assert Processes().run(program, log=log, environment=os.environ) == 3
    assert log.read_text().split() == ['one', 'two']


def test_each_run_gets_a_gpu_of_its_own(tmp_path, monkeypatch):
    both = threading.Barrier(2, timeout=10)
    used = {}

    def execute(run, place, *, gpu, processes):
        both.wait()
        used[run.name] = gpu
        return dict(metrics=dict(f1=50.0))

    monkeypatch.setattr('mmcd.suites.execution.execute', execute)
    runs = [run_of('first'), run_of('second')]
    assert run_all(runs, Place(tmp_path, tmp_path, {}), jobs=2, gpus=['4', 'MIG-fa2b7e5e']) == 0
    assert sorted(used.values()) == ['4', 'MIG-fa2b7e5e']


def test_what_tests_the_weights_of_a_run_starts_after_all_that_train(tmp_path, monkeypatch):
    events = []

    def execute(run, place, *, gpu, processes):
        events.append(f'{run.name} starts')
        time.sleep(0.05)
        events.append(f'{run.name} ends')
        return dict(metrics=dict(f1=50.0))

    monkeypatch.setattr('mmcd.suites.execution.execute', execute)
    runs = [run_of('test', 'first/seed0/best'), run_of('first'), run_of('second')]
    assert run_all(runs, Place(tmp_path, tmp_path, {}), jobs=3) == 0
    assert events[-2:] == ['test starts', 'test ends']
