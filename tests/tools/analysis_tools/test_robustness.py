"""Robustness of plain differencing, of which it is known what each disturbance does to it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcd.apis import init_model
from mmcd.engine.robustness import measure_robustness
from mmcd.errors import ConfigError
from mmcd.evaluation.disturbances import all_disturbances
from mmcd.inference import FunctionPredictor
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.registry import DATASETS
from mmcd.structures import RGB_8BIT
from mmcd.visualization.robustness_plot import draw_robustness
from tests.engine.tiny_run import tiny_config

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis_tools' / 'robustness.py'
main = runpy.run_path(str(TOOL))['main']


def brighter_after(tiles: np.ndarray) -> np.ndarray:
    """The made-up pairs' change is a bright block in the second date."""
    gap = tiles[:, 3:].astype(np.float32).mean(1) - tiles[:, :3].astype(np.float32).mean(1)
    return (gap > 70).astype(np.float32)


def test_what_is_known_of_plain_differencing(tiny_levir: Path, tmp_path: Path) -> None:
    cfg = tiny_config(tiny_levir, tmp_path)
    import mmseg.datasets  # noqa: F401

    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    segmentor = PredictorSegmentor(FunctionPredictor(brighter_after))
    disturbances = all_disturbances(RGB_8BIT)
    results = measure_robustness(segmentor, dataset, disturbances, range(2))
    found = {each['name']: each for each in results}
    assert len(results) == len(disturbances) + 2
    assert results[0]['kind'] == 'none' and results[0]['f1'] > 99
    # The block of 21 pixels moves out of its label.
    shifts = [found[f'shift {pixels} px']['f1'] for pixels in (1, 2, 4, 8)]
    assert shifts == sorted(shifts, reverse=True)
    assert found['shift 8 px']['f1'] == pytest.approx(100 * 13 / 21, abs=8)
    # The bright date is looked for in the other one.
    assert found['exchanged dates']['f1'] == 0
    low, high = found['shift 2 px']['f1_interval']
    assert low <= found['shift 2 px']['f1'] <= high
    for suffix, start in (('.png', b'\x89PNG'), ('.svg', b'<?xml')):
        assert draw_robustness(results, suffix).startswith(start)


def test_a_model_s_table_figures_and_plot(
    tiny_levir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cfg = tiny_config(tiny_levir, tmp_path / 'work')
    config, checkpoint = tmp_path / 'config.py', tmp_path / 'model.pth'
    cfg.dump(str(config))
    torch.save(dict(state_dict=init_model(cfg).state_dict()), checkpoint)
    out, plot = tmp_path / 'r.json', tmp_path / 'r.svg'
    options = ['--only', 'shift', 'JPEG', '--images', '1', '--date', 'before']
    main([str(config), str(checkpoint), *options, '--out', str(out), '--plot', str(plot)])
    printed = capsys.readouterr().out
    assert 'shift 4 px' in printed and 'exchanged dates' in printed and 'blur' not in printed
    record = json.loads(out.read_text())
    assert [each['kind'] for each in record['results']] == [
        'none', *['shift'] * 4, *['JPEG'] * 3, 'exchanged dates',
    ]  # fmt: skip
    protocol = record['protocol']
    assert (protocol['disturbed'], protocol['images'], protocol['split']) == ('before', 1, 'test')
    assert plot.read_text().startswith('<?xml')
    main([str(config), str(checkpoint), '--only', 'JPEG', '--images', '500', '--out', str(out)])
    assert json.loads(out.read_text())['protocol']['images'] == 2  # the split has no more
    with pytest.raises(ConfigError, match=r'--only takes JPEG, blur, .* got fog'):
        main([str(config), str(checkpoint), '--only', 'fog'])


def test_outputs_are_checked_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'--plot is a \.png or \.svg file; got r\.pdf'):
        main(['config', 'model.pth', '--plot', 'r.pdf'])
    with pytest.raises(ConfigError, match=r'There is no folder .*none for r\.json'):
        main(['config', 'model.pth', '--out', str(tmp_path / 'none' / 'r.json')])
    with pytest.raises(ConfigError, match='--images is 1 or more; got 0'):
        main(['config', 'model.pth', '--images', '0'])
