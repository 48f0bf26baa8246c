"""Two processes that share a scene, one of which is lost."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / 'configs' / 'darnet_sample.py'
SLIM = {
    'model.backbone.base_channels': 2,
    'model.decode_head.in_channels': [4, 8, 16, 32, 64],
    'model.decode_head.channels': 4,
}
SHARE = """
import os, sys
from torch import distributed
from mmcd.cli.commands import map as command
from mmcd.cli.console import run_tool
from mmcd.scene import scene

def lose(*args, share, **kwargs):
    if share.rank == 1:
        os._exit(3)
    distributed.barrier()

scene.map_scene = lose
run_tool(lambda: command.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_process_that_was_lost_is_named(tmp_path):
    model = init_model(CONFIG, cfg_options=SLIM)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'tiny.pth')
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    words = [CONFIG, tmp_path / 'tiny.pth', 'before.tif', 'after.tif', '--out', tmp_path / 'o.tif']
    words += ['--device', 'cpu', '--cfg-options']
    words += [f'{key}={value}'.replace(' ', '') for key, value in SLIM.items()]
    processes = []
    try:
        for rank in ('0', '1'):
            environment = dict(RANK=rank, WORLD_SIZE='2', MASTER_PORT=port, OMP_NUM_THREADS='1')
            processes.append(
                subprocess.Popen(
                    [sys.executable, '-c', SHARE, *map(str, words)],
                    env={**os.environ, **environment, 'MASTER_ADDR': '127.0.0.1'},
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
        _, stderr = processes[0].communicate(timeout=120)
    finally:
        for process in processes:
            process.kill()
            process.communicate()
    assert processes[0].returncode == 1, stderr
    message = stderr[stderr.index('error: ') :]
    assert f'process {processes[1].pid} on {socket.gethostname()} (rank 1)' in message
    assert 'The strips that were finished are kept: go on from them with --resume.' in message
    assert 'Traceback' not in message
