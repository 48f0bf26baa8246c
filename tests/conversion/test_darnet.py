from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mmcd.apis import init_model
from mmcd.conversion.checkpoint_conversion import convert_checkpoint, describe_conversion
from mmcd.conversion.darnet import DARNET, darnet_name
from mmcd.conversion.name_mapping import convert
from mmcd.errors import CheckpointError, ConfigError
from mmcd.io.checkpoints import hash_weights, read_checkpoint
from tests.conversion.pickled_networks import save_pickled_network
from tests.golden import (
    build_case,
    needs_golden,
    read_golden,
    relative_error,
    released_state_dict,
)

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / 'configs' / 'darnet_levir.py'
TOOL = ROOT / 'tools' / 'model_converters' / 'darnet_to_mmcd.py'


@pytest.fixture(scope='module')
def released() -> dict[str, Tensor]:
    facts, _ = read_golden('darnet')
    return released_state_dict(facts['state_dict'])


@pytest.fixture(scope='module')
def expected() -> dict[str, Tensor]:
    return init_model(CONFIG).state_dict()


def test_names_of_each_kind():
    assert darnet_name('conv3.conv2.0.weight') == 'backbone.levels.2.1.conv.weight'
    assert darnet_name('conv1.conv1.1.running_var') == 'backbone.levels.0.0.bn.running_var'
    head = 'decode_head.decoder'
    assert darnet_name('h1_PT_hd4_conv.bias') == f'{head}.skip.1_to_4.conv.bias'
    assert darnet_name('h4_Cat_hd4_bn.weight') == f'{head}.skip.4_to_4.bn.weight'
    assert darnet_name('hd5_UT_hd1_conv.weight') == f'{head}.deep.5_to_1.conv.weight'
    assert darnet_name('sta_d2.Self_Att.gamma') == f'{head}.attention.2.gamma'
    assert darnet_name('sta_d5.Self_Att.key_conv.bias') == f'{head}.attention.5.key.bias'


@pytest.mark.parametrize(
    'name', ['', 'conv6.conv1.0.weight', 'weight', 'sta_d1.Self_Att.gamma', 'h5_PT_hd4_conv.bias']
)
def test_unknown_names(name):
    assert darnet_name(name) is None


@needs_golden
def test_every_released_name_is_one_of_ours(released, expected):
    assert len(released) == 363
    ours = {name: darnet_name(name) for name in released if not name.startswith('sta_d1.')}
    assert len(set(ours.values())) == len(ours) == 356
    assert set(ours.values()) == set(expected)


@needs_golden
def test_conversion_drops_and_names_the_dead_weights(released, expected):
    result = convert(released, DARNET, expected)
    dead = {name for name in released if name.startswith('sta_d1.')}
    assert set(result.dropped) == dead and len(dead) == 7
    assert all('never calls' in reason for reason in result.dropped.values())
    for name, value in released.items():
        if name not in dead:
            assert result.state_dict[darnet_name(name)] is value


@needs_golden
def test_faults_are_listed(released, expected):
    broken = dict(released)
    del broken['conv1.conv1.0.weight']
    broken['lr1_outconv.bias'] = torch.zeros(3)
    broken['extra.weight'] = torch.zeros(1)
    with pytest.raises(CheckpointError, match=r'1 not known to DARNet:\n  extra\.weight') as caught:
        convert(broken, DARNET, expected)
    text = str(caught.value)
    assert '1 missing:\n  backbone.levels.0.0.conv.weight' in text
    assert 'decode_head.decoder.classify.1.bias: (3,), expected (2,)' in text


@needs_golden
@pytest.mark.parametrize('kind', ['pickled network', 'state dict'])
def test_convert_checkpoint(tmp_path, released, kind):
    source, target = tmp_path / 'src.pt', tmp_path / 'ours.pth'
    if kind == 'state dict':
        torch.save(released, source)
    else:
        save_pickled_network(released, source)
    lines = describe_conversion(convert_checkpoint(source, target, DARNET, CONFIG), target)
    assert lines.startswith(f'356 tensors written to {target}\n')
    assert lines.count('left out: sta_d1.') == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == ['ours.pth', 'src.pt']
    content = read_checkpoint(target)
    assert content['meta']['converted'] == 'DARNet'
    assert content['meta']['mmcd']['weights_sha256'] == hash_weights(content['state_dict'])
    for name, value in content['state_dict'].items():
        assert type(value) is Tensor, name


def test_a_target_folder_that_is_not_there(tmp_path):
    with pytest.raises(CheckpointError, match=r'There is no folder .*nowhere to write a\.pth'):
        convert_checkpoint(tmp_path / 'x.pt', tmp_path / 'nowhere' / 'a.pth', DARNET, CONFIG)


@pytest.mark.parametrize('name', ['a.safetensors', 'a', 'a.onnx'])
def test_a_target_of_another_kind(tmp_path, name):
    with pytest.raises(
        ConfigError, match=rf'weights ends in \.pth; got .*{name}\. tools/.*publish'
    ):
        convert_checkpoint(tmp_path / 'x.pt', tmp_path / name, DARNET, CONFIG)


def test_the_released_file_is_not_replaced(tmp_path):
    torch.save({'conv1.conv1.0.weight': torch.zeros(1)}, tmp_path / 'x.pth')
    with pytest.raises(ConfigError, match=r'would replace the released file .*x\.pth'):
        convert_checkpoint(tmp_path / 'x.pth', tmp_path / '.' / 'x.pth', DARNET, CONFIG)


def test_nothing_is_written_where_the_source_does_not_fit(tmp_path):
    torch.save({'conv1.conv1.0.weight': torch.zeros(1)}, tmp_path / 'x.pt')
    with pytest.raises(CheckpointError, match='no checkpoint of the DARNet model'):
        convert_checkpoint(tmp_path / 'x.pt', tmp_path / 'a.pth', DARNET, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == ['x.pt']


def run_tool(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_golden
@pytest.mark.slow
def test_the_tool_s_result_gives_the_released_numbers(tmp_path, released):
    source, target = tmp_path / 'release.pt', tmp_path / 'ours.pth'
    save_pickled_network(released, source, new_format=False)
    result = run_tool(source, target)
    assert result.returncode == 0, result.stderr
    assert '356 tensors written to' in result.stdout
    assert 'left out: sta_d1.Self_Att.gamma (the attention of level 1' in result.stdout
    assert result.stderr == ''
    facts, arrays = read_golden('darnet')
    case = facts['cases'][0]
    before, after, _ = build_case(case)
    stacked = torch.from_numpy(np.concatenate([before, after], axis=3)).permute(0, 3, 1, 2)
    model = init_model(CONFIG, target)
    with torch.no_grad():
        logits = model(stacked.float(), mode='tensor')
    for level, logit in zip(range(5, 0, -1), logits, strict=True):
        assert relative_error(logit, arrays[f'{case["name"]}/side{level}']) < 5e-4, level


@pytest.mark.slow
def test_the_tool_says_what_is_wrong(tmp_path):
    torch.save({'a.weight': torch.zeros(1)}, tmp_path / 'x.pt')
    result = run_tool(tmp_path / 'x.pt', tmp_path / 'a.pth')
    assert result.returncode == 2
    assert result.stderr.startswith('error: This is no checkpoint of the DARNet model')
    assert '1 not known to DARNet:\n  a.weight' in result.stderr
    assert 'Traceback' not in result.stderr
