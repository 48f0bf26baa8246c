"""Damaged checkpoints: one flipped bit, half a file, and values that are no weights."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_meta import note
from mmcd.io.checkpoints import hash_weights, read_checkpoint, weights_of
from mmcd.io.restricted_unpickler import read_pickled_tensors
from mmcd.io.safetensors_file import write_safetensors

SIXTEENTHS = range(16)


def write(path: Path, *, legacy: bool = False, noted: bool = True) -> Path:
    """A small checkpoint as training leaves it."""
    generator = torch.Generator().manual_seed(0)
    weights = {f'layer_{n}.weight': torch.randn(40, 30, generator=generator) for n in range(4)}
    content = {'state_dict': weights, 'meta': {'iter': 3}, 'optimizer': {'lr': 0.1}}
    if noted:
        note(content, weights_sha256=hash_weights(weights))
    if path.suffix == '.safetensors':
        write_safetensors(path, weights, content['meta'])
    else:
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp('whole') / 'whole.pth')


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_flipped_bit_gives_other_weights(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    expected = read_checkpoint(whole)['state_dict']
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    damaged = whole.with_name('damaged.pth')
    damaged.write_bytes(content)
    for read in (lambda path: read_checkpoint(path)['state_dict'], read_pickled_tensors):
        try:
            found = read(damaged)
        except CheckpointError:
            continue
        assert found.keys() == expected.keys()
        assert all(torch.equal(value, expected[name]) for name, value in found.items())


def test_a_flipped_bit_is_named(whole: Path, tmp_path: Path) -> None:
    content = bytearray(whole.read_bytes())
    with zipfile.ZipFile(whole) as archive:
        record = max(archive.infolist(), key=lambda each: each.file_size)
    content[record.header_offset + 3000] ^= 4
    (tmp_path / 'a.pth').write_bytes(content)
    with pytest.raises(CheckpointError, match=r'is damaged: its part .*/data/\d+ does not have'):
        read_checkpoint(tmp_path / 'a.pth')


@pytest.mark.parametrize('name', ['a.pth', 'legacy.pth', 'a.safetensors'])
def test_the_noted_hash_is_checked(tmp_path: Path, name: str) -> None:
    """Formats without checksums have it, too."""
    path = write(tmp_path / name, legacy=name == 'legacy.pth')
    assert read_checkpoint(path)['meta']['mmcd']['weights_sha256']
    content = bytearray(path.read_bytes())
    value = torch.randn(40, 30, generator=torch.Generator().manual_seed(0)).numpy().tobytes()
    content[content.index(value) + 100] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match='is damaged'):
        read_checkpoint(path)


@pytest.mark.parametrize('part', SIXTEENTHS)
@pytest.mark.parametrize('name', ['a.pth', 'legacy.pth', 'a.safetensors'])
def test_a_part_of_a_file_is_none(tmp_path: Path, name: str, part: int) -> None:
    path = write(tmp_path / name, legacy=name == 'legacy.pth')
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * part // 16])
    with pytest.raises(CheckpointError, match=r'is no .*, or was cut short: '):
        read_checkpoint(path)


WEIGHT = torch.ones(2, 2)
STRANGE = {
    'text': ({'w': WEIGHT, 'x': 'text'}, 'x is a str'),
    'nothing': ({'w': None}, 'w is a NoneType'),
    'a number as a name': ({3: WEIGHT}, 'the name 3 is a int'),
    'sparse': ({'w': WEIGHT.to_sparse()}, r'w is sparse \(torch.float32'),
    'meta': ({'w': torch.ones(2, device='meta')}, 'w is empty'),
    'complex': ({'w': WEIGHT.to(torch.complex64)}, 'w is complex'),
    'quantised': ({'w': torch.quantize_per_tensor(WEIGHT, 0.1, 0, torch.qint8)}, 'w is quantised'),
    'a list': ([WEIGHT], 'holds a list as its `state_dict`'),
    'a tensor': (WEIGHT, 'holds a Tensor as its `state_dict`'),
}


@pytest.mark.parametrize(('weights', 'message'), STRANGE.values(), ids=STRANGE)
def test_what_is_no_weight_is_said(tmp_path: Path, weights: object, message: str) -> None:
    torch.save({'state_dict': weights}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=message):
        read_checkpoint(tmp_path / 'a.pth')


def test_at_the_top_too(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match='other things than weights at its top: b is a str'):
        weights_of({'a': WEIGHT, 'b': 'text'}, 'a.pth')
    assert weights_of({'a': WEIGHT}, 'a.pth') == {'a': WEIGHT}


@pytest.mark.parametrize('meta', [[1], 'text', {'mmcd': [1]}])
def test_meta_is_a_dict(tmp_path: Path, meta: object) -> None:
    torch.save({'state_dict': {}, 'meta': meta}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match=r'(list|str)(,| as its `meta`,) not a dict'):
        read_checkpoint(tmp_path / 'a.pth')


def test_the_hash_is_of_names_and_values() -> None:
    one: dict[str, Tensor] = {'a': torch.ones(3), 'b': torch.zeros(2)}
    assert hash_weights(one) == hash_weights(dict(reversed(one.items())))
    assert hash_weights(one) != hash_weights({'a': one['a'], 'c': one['b']})
    assert hash_weights(one) != hash_weights({**one, 'b': torch.tensor(np.array([0.0, 1e-9]))})


def test_a_name_that_is_no_text(whole: Path, tmp_path: Path) -> None:
    """Found by tools/fuzz.py."""
    content = whole.read_bytes().replace(b'data.pkl', b'data\xb0pkl')
    (tmp_path / 'a.pth').write_bytes(content)
    for read in (read_checkpoint, read_pickled_tensors):
        with pytest.raises(CheckpointError, match='is no checkpoint, or was cut short'):
            read(tmp_path / 'a.pth')


def test_a_number_of_an_object_takes_no_memory(tmp_path: Path) -> None:
    """Found by tools/fuzz.py: the unpickler in C makes room for as many objects."""
    numbered = b'\x80\x02}r' + (1 << 24).to_bytes(4, 'little') + b'.'
    path = tmp_path / 'a.pth'
    torch.save({'w': torch.ones(2)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    header = content.index(b'\x80\x02', content.index(b'\x80\x02', 2) + 2)
    path.write_bytes(content[:header] + numbered * 3)
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            read_pickled_tensors(path)
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()
