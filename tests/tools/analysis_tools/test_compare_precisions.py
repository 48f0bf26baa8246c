from __future__ import annotations

import re
from pathlib import Path

import torch

from mmcd.apis import init_model
from tests.tools.in_process import Tools

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / 'configs' / 'darnet_sample.py'


def test_it_prints_agreement_and_f1(tiny_levir: Path, tmp_path: Path, tools: Tools) -> None:
    torch.manual_seed(0)
    model = init_model(CONFIG)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'random.pth')
    tool = ROOT / 'tools' / 'analysis_tools' / 'compare_precisions.py'
    words = [CONFIG, tmp_path / 'random.pth', '--cfg-options', f'data_root={tiny_levir}']
    printed = {}
    for precision in ('float32', 'bfloat16'):
        found = re.search(
            r'^2 pairs: ([\d.]+) % of the pixels have the same mask.\n'
            rf'Change F1: float32 ([\d.]+), {precision} ([\d.]+)\n',
            tools.run(tool, [*words, '--precision', precision]),
            re.MULTILINE,
        )
        printed[precision] = [float(value) for value in found.groups()]
    assert printed['float32'][0] == 100.0
    assert printed['float32'][1] == printed['float32'][2] == printed['bfloat16'][1] > 0
    assert 90 < printed['bfloat16'][0] <= 100
