from __future__ import annotations

import io
import sys
import tarfile
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_file import LEGACY_MAGIC
from mmcd.io.restricted_unpickler import read_pickled_tensors
from tests.conversion.pickled_networks import save_pickled_network

FORMATS = pytest.mark.parametrize('new_format', [True, False], ids=['zip', 'legacy'])

PROJECT = """
import torch
from torch import nn
from torch.nn import functional as F


class unetConv2(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU())
        self.activation = F.relu
        self.sizes, self.dtype = {3, 5}, torch.float16


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = unetConv2(), None
        self.parts = nn.ModuleDict({'a': nn.Linear(2, 3, bias=False), 'b': nn.PReLU()})
        self.shared = self.parts['a']
        self.gamma = nn.Parameter(torch.rand(1))
        self.gamma.note = 'an attribute of a parameter'
        self.register_buffer('kept', torch.arange(3))
        self.register_buffer('transient', torch.arange(4), persistent=False)
        self.register_buffer('none', None)
        self.register_parameter('nothing', None)

    def __getstate__(self):  # as of a class with slots
        return self.__dict__.copy(), {'slot': 7}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch):
    """The project's module; after ``forget()`` nobody can import it."""
    (tmp_path / 'some_release.py').write_text(PROJECT)
    monkeypatch.syspath_prepend(str(tmp_path))
    import some_release

    yield some_release
    sys.modules.pop('some_release', None)


def forget(tmp_path: Path) -> None:
    del sys.modules['some_release']
    (tmp_path / 'some_release.py').unlink()


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> None:
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        assert type(ours[name]) is Tensor and not ours[name].requires_grad, name
        assert ours[name].dtype == value.dtype, name
        assert torch.equal(ours[name], value), name


@FORMATS
@pytest.mark.parametrize('parallel', [True, False])
@pytest.mark.filterwarnings('ignore')  # the legacy format warns of what has no source
def test_a_whole_network_gives_its_state_dict(tmp_path, project, new_format, parallel):
    network = project.Network()
    if parallel:
        network = nn.DataParallel(network)
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    assert len(expected) > 10
    path = tmp_path / 'a.pth'
    torch.save(network, path, _use_new_zipfile_serialization=new_format)
    forget(tmp_path)
    same(read_pickled_tensors(path), expected)


@FORMATS
def test_a_state_dict(tmp_path, new_format):
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    state = network.state_dict()  # an OrderedDict with an attribute, `_metadata`
    for content in (state, dict(state), {'epoch': 3, 'state_dict': state, 'best': 0.5}):
        torch.save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=new_format)
        same(read_pickled_tensors(tmp_path / 'a.pth'), state)


@pytest.mark.parametrize(
    'dtype', [torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.uint8]
)
def test_other_types_and_layouts(tmp_path, dtype):
    base = torch.arange(24).reshape(4, 6).to(dtype)
    state = {'a': base, 'view': base[1:, ::2], 'turned': base.t(), 'empty': base[:0]}
    torch.save(state, tmp_path / 'a.pth')
    same(read_pickled_tensors(tmp_path / 'a.pth'), state)


def test_values_that_need_a_flag_are_refused(tmp_path):
    torch.save({'a': torch.tensor([1j]).conj()}, tmp_path / 'a.pth')
    with pytest.raises(CheckpointError, match='a tensor of an unknown kind'):
        read_pickled_tensors(tmp_path / 'a.pth')


@FORMATS
def test_a_pickled_release(tmp_path, new_format):
    state = {'conv1.0.weight': torch.rand(2, 2), 'conv1.1.running_mean': torch.rand(2)}
    save_pickled_network(state, tmp_path / 'a.pth', new_format=new_format)
    assert 'released_project' not in sys.modules
    expected = {f'module.{name}': value for name, value in state.items()}
    same(read_pickled_tensors(tmp_path / 'a.pth'), expected)


class TestOtherFiles:
    def test_missing(self, tmp_path):
        with pytest.raises(CheckpointError, match=r'No such checkpoint: .*a\.pth'):
            read_pickled_tensors(tmp_path / 'a.pth')

    @pytest.mark.parametrize('content', [[1], {'a': 1}, {}, {'state_dict': 3}, nn.Identity()])
    def test_no_tensors(self, tmp_path, content):
        torch.save(content, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=r'a\.pth holds no tensors'):
            read_pickled_tensors(tmp_path / 'a.pth')

    @pytest.mark.parametrize('content', [b'', b'<html>', b'PK\x03\x04', LEGACY_MAGIC])
    def test_no_checkpoint(self, tmp_path, content):
        (tmp_path / 'a.pth').write_bytes(content)
        with pytest.raises(CheckpointError, match='checkpoint, or was cut short'):
            read_pickled_tensors(tmp_path / 'a.pth')

    @FORMATS
    @pytest.mark.parametrize('share', [0.1, 0.3, 0.5, 0.9])
    def test_cut_short(self, tmp_path, new_format, share):
        path = tmp_path / 'a.pth'
        torch.save(nn.Linear(9, 9), path, _use_new_zipfile_serialization=new_format)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointError, match='checkpoint, or was cut short'):
            read_pickled_tensors(path)

    @pytest.mark.filterwarnings('ignore::FutureWarning', 'ignore::DeprecationWarning')
    def test_torchscript(self, tmp_path):
        """Its code runs while it is loaded, and may write files."""
        torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / 'a.pth'))
        with pytest.raises(CheckpointError, match='TorchScript archive'):
            read_pickled_tensors(tmp_path / 'a.pth')

    def test_tar(self, tmp_path):
        options = dict(encoding='latin-1', format=tarfile.USTAR_FORMAT)
        with tarfile.open(tmp_path / 'a.pth', 'w', **options) as archive:
            archive.addfile(tarfile.TarInfo(LEGACY_MAGIC.decode('latin-1')), io.BytesIO())
            archive.addfile(tarfile.TarInfo('storages'), io.BytesIO())
        assert (tmp_path / 'a.pth').read_bytes().startswith(LEGACY_MAGIC)
        with pytest.raises(CheckpointError, match='no PyTorch checkpoint'):
            read_pickled_tensors(tmp_path / 'a.pth')


def test_hooks_of_tensors_are_left_out(tmp_path):
    tensor = torch.rand(2, requires_grad=True)
    hooks = OrderedDict({0: F.relu})
    program = io.BytesIO()
    torch.save({'a': _WithHooks(tensor, hooks)}, program)
    (tmp_path / 'a.pth').write_bytes(program.getvalue())
    ours = read_pickled_tensors(tmp_path / 'a.pth')['a']
    assert torch.equal(ours, tensor) and ours._backward_hooks is None


class _WithHooks:
    """Pickles like a tensor that brings hooks along."""

    def __init__(self, tensor: Tensor, hooks: OrderedDict) -> None:
        self.tensor, self.hooks = tensor, hooks

    def __reduce_ex__(self, protocol: int):
        t = self.tensor
        storage = torch.storage.TypedStorage(
            wrap_storage=t.untyped_storage(), dtype=t.dtype, _internal=True
        )
        arguments = (storage, 0, tuple(t.shape), t.stride(), True, self.hooks)
        return torch._utils._rebuild_tensor_v2, arguments
