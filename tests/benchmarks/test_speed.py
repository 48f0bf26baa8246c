"""The benchmark command, tried on slim networks and small images; timings are never asserted."""

from __future__ import annotations

import json
import sys

import pytest
import torch

from benchmarks import speed, speed_variants
from benchmarks.speed import as_table, measure, parse_args, peak_memory, print_profile
from benchmarks.speed_variants import PEER, PLAIN, Case
from mmcd.errors import ConfigError


def quick(*arguments: str):
    return parse_args(['--quick', '--rounds', '1', *arguments])


@pytest.fixture(autouse=True)
def slim_peer(monkeypatch):
    """Its head is wide: seconds."""
    monkeypatch.setattr(speed_variants, 'PEER_CHANNELS', 8)


@pytest.mark.parametrize('network', ['darnet', 'prx_cross'])
def test_inference(tmp_path, capsys, network):
    path = tmp_path / 'speed.json'
    lines = measure(quick('--networks', network, '--cases', '1x256', '--json', str(path)))
    content = json.loads(path.read_text())
    assert content['lines'] == lines and torch.__version__ in content['machine']
    assert [line['variant'] for line in lines] == [
        PLAIN,
        PEER,
        'as trained float32',
        'autocast bfloat16',
        'optimised float32',
        'optimised bfloat16',
    ]
    for line in lines:
        assert line['seconds'] > 0 and line['times as fast'] > 0 and line['case'] == '1x64'
    for line in lines[2:]:
        assert line['deviation'] < (1e-4 if 'float32' in line['variant'].split() else 0.5)
    printed = capsys.readouterr().out
    assert 'multiply-adds for a 256x256 pair' in printed and as_table(lines) in printed
    assert len({row.count('|') for row in as_table(lines).splitlines()}) == 1


@pytest.mark.parametrize('network', ['darnet', 'prx_cross'])
def test_training(network):
    lines = measure(quick('--networks', network, '--cases', 'train-4x256'))
    by_name = {line['variant']: line for line in lines}
    assert by_name[PLAIN]['times as fast'] == 1
    assert by_name['as trained float32']['deviation'] < 1e-4  # dropout and refinement being off
    assert by_name['mixed precision bfloat16']['deviation'] < 0.1
    checkpointed = by_name['activation checkpointing float32']
    if network == 'darnet':
        assert checkpointed['deviation'] < 1e-4
    else:
        assert checkpointed['remarks'] == 'Only DARNet has activation checkpointing.'
        assert 'seconds' not in checkpointed


def test_exported_networks():
    pytest.importorskip('onnxruntime')
    arguments = ['--networks', 'prx', '--cases', '1x256', '--variants', 'onnxruntime']
    plain, exported = measure(quick(*arguments))
    assert plain['variant'] == PLAIN
    assert exported['deviation'] < 1e-4 and exported['times as fast'] > 0


def test_what_a_device_does_not_do_gives_its_reason(monkeypatch):
    monkeypatch.setattr(speed, '_variants', lambda *_: [PLAIN, 'optimised float16'])
    plain, half = measure(quick('--networks', 'darnet', '--cases', '1x256'))
    assert plain['seconds'] and 'float16 is for GPUs' in half['remarks']


def test_an_interrupted_run_keeps_what_it_has(tmp_path, monkeypatch):
    prepare = speed.prepare

    def interrupted(variant, model, case, folder):
        if case.batch == 4:
            raise KeyboardInterrupt
        return prepare(variant, model, case, folder)

    monkeypatch.setattr(speed, 'prepare', interrupted)
    path = tmp_path / 'speed.json'
    arguments = ['--networks', 'darnet', '--cases', '1x256', '4x256', '--variants', 'as trained']
    with pytest.raises(KeyboardInterrupt):
        measure(quick(*arguments, '--json', str(path)))
    assert {line['case'] for line in json.loads(path.read_text())['lines']} == {'1x64'}


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='reads /proc')
def test_memory_is_of_a_process_of_its_own(tmp_path):
    args = quick('--networks', 'darnet', '--memory')
    line = dict(
        variant=PLAIN, MB=speed._memory_apart(args, 'darnet', Case(1, 512), PLAIN, tmp_path)
    )
    # The plain network keeps five maps of full size and what each was made from.
    assert line['MB'] > 5 * 512 * 512 * 8 * 4 / 2**20
    assert peak_memory(args, 'darnet', Case(1, 32), PLAIN, tmp_path) < line['MB']


def test_profile(capsys):
    print_profile(quick('--profile', 'prx', '--cases', '1x256'))
    printed = capsys.readouterr().out
    assert printed.count('aten::') > 10 and 'optimised bfloat16' in printed


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(ConfigError, match='finds no GPU: use --device cpu'):
        speed._settle(quick('--device', 'cuda'))


def test_a_variant_that_is_none():
    with pytest.raises(ConfigError, match=r"No variant has the word 'onx': .*onnxruntime float32"):
        speed._settle(quick('--variants', 'onx'))
