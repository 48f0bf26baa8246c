"""Two processes that watch each other, one of which is killed, frozen, or ends well."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

PEER = """
import os, sys, time
import torch
from torch import distributed
distributed.init_process_group('gloo')
from mmcd.engine.failures import explained_failures
from mmcd.engine.peer_watch import PeerWatch
watch = PeerWatch(timeout=8, interval=0.3).start()
print('ready', flush=True)
how = sys.argv[1]
if how == 'well':
    time.sleep(1)
    watch.stop()
    print('done', flush=True)
    sys.exit(0)
from mmcd.cli.console import run_tool
def main():
    with explained_failures(watch):
        while True:
            distributed.all_reduce(torch.ones(1))
            time.sleep(0.05)
run_tool(main)
"""


@pytest.fixture
def peers(request):
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    started = []
    try:
        for rank in ('0', '1'):
            environment = dict(
                RANK=rank, WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=port,
                OMP_NUM_THREADS='1',
            )  # fmt: skip
            started.append(
                subprocess.Popen(
                    [sys.executable, '-c', PEER, request.param],
                    env={**os.environ, **environment},
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        for process in started:
            while process.stdout.readline() not in ('ready\n', ''):
                pass
        yield started
    finally:
        for process in started:
            process.kill()
            process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize('peers', ['well'], indirect=True)
def test_peers_that_end_well_miss_nobody(peers):
    for process in peers:
        stdout, stderr = process.communicate(timeout=120)
        assert process.returncode == 0, stderr
        assert stdout.endswith('done\n')


@pytest.mark.slow
@pytest.mark.parametrize('peers', ['work'], indirect=True)
@pytest.mark.parametrize(
    ('number', 'lost', 'said'),
    [
        (signal.SIGKILL, 1, ''),
        (signal.SIGKILL, 0, ''),
        (signal.SIGSTOP, 1, 'has not responded for 8 s'),
        (signal.SIGSTOP, 0, 'has not responded for 8 s'),
    ],
    ids=['killed', 'first killed', 'frozen', 'first frozen'],
)
def test_a_lost_peer_is_named(peers, number, lost, said):
    began = time.monotonic()
    peers[lost].send_signal(number)
    left = peers[1 - lost]
    _, stderr = left.communicate(timeout=120)
    assert left.returncode == 1, stderr
    message = stderr[stderr.index('error: ') :]
    assert f'process {peers[lost].pid} on {socket.gethostname()} (rank {lost})' in message
    assert said in message and '--resume' in message and 'Traceback' not in message
    assert time.monotonic() - began < 60
