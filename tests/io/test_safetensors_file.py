"""Weights with metadata in safetensors files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mmcd.errors import CheckpointError
from mmcd.io.checkpoints import read_checkpoint
from mmcd.io.safetensors_file import read_safetensors, write_safetensors

META = {'mmcd': {'config': 'a = 1', 'threshold': {'value': 0.4}, 'metres_per_pixel': 0.5}}


def test_weights_and_metadata_come_back(tmp_path: Path) -> None:
    weights = {'a.weight': torch.randn(3, 4).t(), 'a.count': torch.tensor(7)}
    write_safetensors(tmp_path / 'x.safetensors', weights, META)
    content = read_safetensors(tmp_path / 'x.safetensors')
    assert content['meta'] == META
    assert content['state_dict'].keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(content['state_dict'][name], value)
        assert content['state_dict'][name].dtype == value.dtype


def test_a_checkpoint_may_be_one(tmp_path: Path) -> None:
    write_safetensors(tmp_path / 'x.safetensors', {'w': torch.ones(2)}, META)
    content = read_checkpoint(tmp_path / 'x.safetensors')
    assert content['meta'] == META
    assert torch.equal(content['state_dict']['w'], torch.ones(2))


def test_a_file_of_another_program_has_no_metadata(tmp_path: Path) -> None:
    save_file = pytest.importorskip('safetensors.torch').save_file
    save_file({'w': torch.ones(2)}, tmp_path / 'x.safetensors')
    assert read_safetensors(tmp_path / 'x.safetensors')['meta'] == {}


def test_a_damaged_or_missing_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'x.safetensors'
    with pytest.raises(CheckpointError, match='No such checkpoint'):
        read_safetensors(path)
    write_safetensors(path, {'w': torch.ones(100)}, META)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CheckpointError, match='cut short'):
        read_safetensors(path)


def test_metadata_are_plain_values(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='plain values only'):
        write_safetensors(tmp_path / 'x.safetensors', {}, {'a': torch.ones(1)})
    assert not list(tmp_path.iterdir())
