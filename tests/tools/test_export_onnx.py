from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcd.apis import init_model
from mmcd.inference import make_predictor
from mmcd.inference.exported import ExportedPredictor
from tests.exporting import skip_without_exporter

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'deployment' / 'export_onnx.py'
CONFIG = ROOT / 'configs' / 'prx_sample.py'
CHANNELS = {
    'model.backbone.base_channels': 8,
    'model.decode_head.in_channels': [16, 32, 64, 128],
}


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )


def test_help_answers_without_the_stack() -> None:
    shown = subprocess.run(
        [sys.executable, '-X', 'importtime', str(TOOL), '--help'],
        capture_output=True,
        text=True,
        check=True,
    )
    options = '--stacked --deepness --threshold --tile --resolution --opset --cfg-options'
    assert all(option in shown.stdout for option in options.split())
    assert ' torch\n' not in shown.stderr


@pytest.mark.slow
def test_a_checkpoint_becomes_a_file(tmp_path: Path) -> None:
    skip_without_exporter()
    torch.manual_seed(0)
    model = init_model(CONFIG, cfg_options=CHANNELS)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'tiny.pth')
    slim = [f'{key}={value}'.replace(' ', '') for key, value in CHANNELS.items()]
    command = [CONFIG, tmp_path / 'tiny.pth', tmp_path / 'tiny.onnx', '--stacked', '--stac']
    command += ['--threshold', 0.3, '--tile', 256, '--resolution', 0.25, '--cfg-options', *slim]
    done = run(*command)
    assert done.returncode == 0, done.stderr
    assert 'tiny.onnx: ' in done.stdout and '6 batches and sizes: largest' in done.stdout
    assert done.stderr == ''
    item = json.loads((tmp_path / 'tiny.stac.json').read_text())
    parameters = sum(each.numel() for each in model.parameters())
    assert item['properties']['mlm:total_parameters'] == parameters
    exported = ExportedPredictor(tmp_path / 'tiny.onnx')
    said = exported.metadata
    assert (said.layout, said.config, said.image.metres_per_pixel) == (
        'stacked',
        'prx_sample',
        0.25,
    )
    assert (exported.threshold, exported.tile_size) == (0.3, 256)
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 50, 70), dtype=np.uint8)
    expected = make_predictor(model).predict(tiles)
    np.testing.assert_allclose(exported.predict(tiles), expected, atol=1e-5)

    again = run(*command)
    assert again.returncode == 2 and 'is there already' in again.stderr
    assert 'Traceback' not in again.stderr


@pytest.mark.slow
def test_wrong_use_is_told_before_the_work(tmp_path: Path) -> None:
    done = run(tmp_path / 'none.py', tmp_path / 'none.pth', tmp_path / 'm.pth', '--threshold', 7)
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert 'm.pth does not end in .onnx; the threshold must be from 0 to 1' in done.stderr
    done = run(CONFIG, tmp_path / 'none.pth', tmp_path / 'm.onnx')
    assert done.returncode == 2 and 'No such checkpoint' in done.stderr
