"""The converter of official PRX-Change checkpoints as a user runs it."""

import sys
from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model
from tests.golden import needs_golden, read_golden, released_state_dict
from tests.processes import output_of

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / 'tools' / 'model_converters' / 'prx_to_mmcd.py'


@pytest.fixture
def convert(tools):
    return lambda *words, expect=0: tools.run(TOOL, words, expect=expect)


def released(variant_name):
    facts, _ = read_golden('prx')
    (variant,) = (v for v in facts['variants'] if v['name'] == variant_name)
    return released_state_dict(variant['state_dict'])


@needs_golden
@pytest.mark.slow
@pytest.mark.parametrize(
    ('variant', 'config', 'words'),
    [
        ('r18', 'prx_levir.py', []),
        ('r18', 'prx_levir_refine.py', ['--config', ROOT / 'configs/prx_levir_refine.py']),
        ('r18_cross', 'prx_levir_cross.py', []),
    ],
)
def test_each_variant_loads_into_its_config(convert, tmp_path, variant, config, words):
    official = released(variant)
    torch.save(official, tmp_path / 'official.pth')
    output = convert(tmp_path / 'official.pth', tmp_path / 'ours.pth', *words)
    assert output.endswith(f'for the config {config}\n')
    assert 'left out: change_head.tf0.upsample.weight (never used' in output
    assert ('left out: change_head.PFRM' in output) is (config == 'prx_levir.py')
    model = init_model(ROOT / 'configs' / config, tmp_path / 'ours.pth')
    assert torch.equal(model.backbone.conv1.weight, official['backbone.conv1.weight'])


@needs_golden
@pytest.mark.slow
def test_cross_attention_without_the_refinement(convert, tmp_path):
    official = {n: v for n, v in released('r18_cross').items() if '.PFRM.' not in n}
    torch.save(official, tmp_path / 'official.pth')
    output = convert(tmp_path / 'official.pth', tmp_path / 'ours.pth')
    setting = 'model.decode_head.refinement=False'
    assert output.endswith(f'for the config prx_levir_cross.py with --cfg-options {setting}\n')
    options = {'model.decode_head.refinement': False}
    init_model(ROOT / 'configs/prx_levir_cross.py', tmp_path / 'ours.pth', cfg_options=options)


@needs_golden
@pytest.mark.slow
def test_an_unknown_name_is_refused(convert, tmp_path):
    torch.save(dict(released('r18'), extra=torch.ones(1)), tmp_path / 'official.pth')
    output = convert(tmp_path / 'official.pth', tmp_path / 'ours.pth', expect=2)
    assert output.startswith('error: ') and 'extra' in output
    assert not (tmp_path / 'ours.pth').exists()


@pytest.mark.slow
def test_no_checkpoint_of_prx(tmp_path):
    torch.save({'a.weight': torch.ones(1)}, tmp_path / 'official.pth')
    command = [sys.executable, TOOL, tmp_path / 'official.pth', tmp_path / 'ours.pth']
    output = output_of(command, expect=2)  # as a user starts it
    assert 'is no checkpoint of the PRX-Change model' in output
