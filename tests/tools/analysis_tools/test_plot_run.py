from __future__ import annotations

import json
import sys
from pathlib import Path

from PIL import Image

from tests.processes import output_of

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis_tools' / 'plot_run.py'


def test_pictures_of_a_run_are_beside_its_logs(tmp_path: Path) -> None:
    log = tmp_path / 'work' / '20240101_100000' / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    rows = [dict(loss=1 / step, step=step) for step in range(1, 9)]
    rows.append({'change/f1': 50.0, 'change/iou': 33.3, 'step': 8})
    log.write_text('\n'.join(map(json.dumps, rows)) + '\n')
    output = output_of([sys.executable, TOOL, tmp_path / 'work'])
    assert 'curves.png' in output
    assert Image.open(tmp_path / 'work' / 'curves.png').size[0] > 800
    assert '<svg' in (tmp_path / 'work' / 'curves.svg').read_text()
    error = output_of([sys.executable, TOOL, tmp_path / 'nothing'], expect=2)
    assert 'holds no logs of a training' in error and 'Traceback' not in error
