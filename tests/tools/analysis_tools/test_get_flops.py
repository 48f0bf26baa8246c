from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from mmcd.errors import ConfigError

ROOT = Path(__file__).parents[3]
count = runpy.run_path(str(ROOT / 'tools' / 'analysis_tools' / 'get_flops.py'))['main']


def counts(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[float, float]:
    """Flops in G and parameters in M, as printed."""
    count(list(arguments))
    flops, params = re.search(
        r'Flops: ([\d.]+) G.*\nParams: ([\d.]+) M\n', capsys.readouterr().out
    ).groups()
    return float(flops), float(params)


def test_four_bands_count_more_than_three(capsys):
    three, _ = counts(capsys, 'darnet_sample', '--shape', '256')
    four, _ = counts(capsys, 'darnet_sample_rgbn', '--shape', '256', '256')
    # Both dates, 8 kernels of 3x3.
    assert four - three == pytest.approx(2 * 8 * 9 * 256**2 / 1e9, abs=0.0015)


def test_half_the_width_is_half_the_work(capsys):
    options = ['--cfg-options', 'model.backbone.depth=18']
    whole, params = counts(capsys, 'prx_sample', '--shape', '64', '128', *options)
    half, same = counts(capsys, 'prx_sample', '--shape', '64', '64', *options)
    assert half == pytest.approx(whole / 2, abs=0.002) and params == same


@pytest.mark.slow
def test_the_published_sizes(capsys):
    """15.09 M as the release has without its dead weights; multiply-adds of a 256x256 pair."""
    flops, params = counts(capsys, 'darnet_levir')
    assert params == 15.092
    assert flops == pytest.approx(47.6, abs=0.1)


@pytest.mark.parametrize('shape', [['0'], ['1', '2', '3']])
def test_a_wrong_shape_is_said(shape):
    with pytest.raises(ConfigError, match='--shape takes one or two numbers'):
        count(['darnet_sample', '--shape', *shape])
