from __future__ import annotations

import copy
import io
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from mmengine.runner import CheckpointLoader
from torch import nn

from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_file import LEGACY_MAGIC
from mmcd.io.checkpoints import (
    compare_names,
    load_weights,
    read_checkpoint,
    use_safe_loading,
    weights_sha256,
)
from mmcd.io.safetensors_file import write_safetensors
from mmcd.structures import RGB_8BIT, ImageSpec


class Malicious:
    """A pickle of it, read by Python's unpickler, makes a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))


def save(content: object, path: Path, **options) -> Path:
    torch.save(content, path, **options)
    return path


class TestReadCheckpoint:
    @pytest.mark.parametrize('new_format', [True, False])
    def test_plain_values(self, tmp_path, new_format):
        content = {'state_dict': {'w': torch.ones(2)}, 'meta': {'iter': 3, 'names': ['a', None]}}
        path = save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=new_format)
        read = read_checkpoint(path)
        assert read['meta'] == content['meta']
        assert torch.equal(read['state_dict']['w'], torch.ones(2))

    def test_home_folder(self, tmp_path, monkeypatch):
        monkeypatch.setenv('HOME', str(tmp_path))
        save({'a': 1}, tmp_path / 'a.pth')
        assert read_checkpoint('~/a.pth') == {'a': 1}

    def test_missing_file_offers_near_names(self, tmp_path):
        for name in ('best_change_f1_iter_400.pth', 'iter_400.pth', 'iter_500.pth', 'notes.txt'):
            (tmp_path / name).touch()
        with pytest.raises(CheckpointError, match=r'No such checkpoint: .*iter_600\.pth') as caught:
            read_checkpoint(tmp_path / 'iter_600.pth')
        assert 'That folder holds iter_500.pth, iter_400.pth' in str(caught.value)
        assert 'notes.txt' not in str(caught.value)

    def test_missing_file_without_near_names(self, tmp_path):
        with pytest.raises(CheckpointError, match=r'holds no \.pth or \.safetensors file'):
            read_checkpoint(tmp_path / 'a.pth')
        for i in range(5):
            (tmp_path / f'zzz{i}.pth').touch()
        with pytest.raises(CheckpointError, match=r'holds zzz2\.pth, zzz3\.pth, zzz4\.pth\.'):
            read_checkpoint(tmp_path / 'aaaaaaaaaaaaaa')
        with pytest.raises(CheckpointError, match='There is no folder'):
            read_checkpoint(tmp_path / 'nowhere' / 'a.pth')

    def test_a_folder_is_no_checkpoint(self, tmp_path):
        with pytest.raises(CheckpointError, match='No such checkpoint'):
            read_checkpoint(tmp_path)

    @pytest.mark.parametrize('new_format', [True, False])
    @pytest.mark.parametrize('share', [0.02, 0.1, 0.2, 0.35, 0.5, 0.8, 0.97])
    def test_truncated_file(self, tmp_path, new_format, share):
        content = {'a': torch.rand(50), 'b': [1, 2, 'x'], 'c': torch.rand(3)}
        path = save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=new_format)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(
            CheckpointError, match=r'a\.pth is no .*checkpoint, or was cut short: \S'
        ):
            read_checkpoint(path)

    @pytest.mark.parametrize(
        'content',
        [b'', b'<!DOCTYPE html>', b'version https://git-lfs.github.com/spec/v1\n', b'\x89PNG'],
    )
    def test_other_files(self, tmp_path, content):
        (tmp_path / 'a.pth').write_bytes(content)
        with pytest.raises(
            CheckpointError, match=r'no PyTorch checkpoint.* starts with b'
        ) as caught:
            read_checkpoint(tmp_path / 'a.pth')
        assert 'Git LFS pointer' in str(caught.value)

    def test_other_zip_files(self, tmp_path):
        with zipfile.ZipFile(tmp_path / 'a.pth', 'w') as archive:
            archive.writestr('a/b.txt', 'text')
        with pytest.raises(CheckpointError, match='is no checkpoint, or was cut short'):
            read_checkpoint(tmp_path / 'a.pth')

    @pytest.mark.parametrize('content', [[1, 2], torch.ones(2)])
    def test_no_dict(self, tmp_path, content):
        path = save(content, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=rf'holds a {type(content).__name__}, not a dict'):
            read_checkpoint(path)

    @pytest.mark.parametrize('new_format', [True, False])
    def test_other_objects_are_refused_and_run_nothing(self, tmp_path, new_format):
        content = {'state_dict': {}, 'evil': Malicious(tmp_path / 'made')}
        path = save(content, tmp_path / 'a.pth', _use_new_zipfile_serialization=new_format)
        with pytest.raises(CheckpointError) as caught:
            read_checkpoint(path)
        text = str(caught.value)
        assert 'would run code from the file; it was not read (it names' in text
        assert f'{os.name}.mkdir' in text and '--trust-checkpoint' in text
        assert 'darnet_to_mmcd.py' in text
        assert 'set to `False`' not in text  # PyTorch's own advice is to switch the safety off
        assert not (tmp_path / 'made').exists()

    def test_a_bare_pickle_runs_nothing(self, tmp_path):
        (tmp_path / 'a.pth').write_bytes(pickle.dumps(Malicious(tmp_path / 'made')))
        for trusted in (False, True):
            with pytest.raises(CheckpointError, match='no PyTorch checkpoint'):
                read_checkpoint(tmp_path / 'a.pth', trusted=trusted)
        assert not (tmp_path / 'made').exists()

    def test_a_pickled_network_is_refused_by_name(self, tmp_path, network):
        path = save(network, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=r'names torch\.nn\.modules\.container\.Sequent'):
            read_checkpoint(path)

    def test_trusted_files_are_read(self, tmp_path):
        path = save({'a': Malicious(tmp_path / 'made')}, tmp_path / 'a.pth')
        read_checkpoint(path, trusted=True)
        assert (tmp_path / 'made').is_dir()

    @pytest.mark.filterwarnings('ignore::FutureWarning', 'ignore::DeprecationWarning')
    @pytest.mark.parametrize('trusted', [False, True])
    def test_torchscript_is_refused(self, tmp_path, network, trusted):
        torch.jit.script(network).save(str(tmp_path / 'a.pth'))
        with pytest.raises(CheckpointError, match='TorchScript archive, a program rather than wei'):
            read_checkpoint(tmp_path / 'a.pth', trusted=trusted)

    def test_tar_files_are_not_unpacked(self, tmp_path):
        """A tar file may look like a checkpoint by the name of its first member."""
        victim = tmp_path / 'victim'
        victim.touch(mode=0o600)
        options = dict(encoding='latin-1', format=tarfile.USTAR_FORMAT)
        with tarfile.open(tmp_path / 'a.pth', 'w', **options) as archive:
            archive.addfile(tarfile.TarInfo(LEGACY_MAGIC.decode('latin-1')), io.BytesIO())
            link = tarfile.TarInfo('storages')
            link.type, link.linkname, link.mode = tarfile.LNKTYPE, str(victim), 0o777
            archive.addfile(link)
        assert (tmp_path / 'a.pth').read_bytes().startswith(LEGACY_MAGIC)
        for trusted in (False, True):
            with pytest.raises(CheckpointError, match='no PyTorch checkpoint'):
                read_checkpoint(tmp_path / 'a.pth', trusted=trusted)
        assert victim.stat().st_mode & 0o777 == 0o600


class TestLoadWeights:
    @pytest.mark.parametrize('wrapped', [True, False])
    def test_loads_and_gives_the_meta(self, tmp_path, network, wrapped):
        other = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        state = other.state_dict()
        content = {'state_dict': state, 'meta': {'iter': 7}} if wrapped else dict(state)
        path = save(content, tmp_path / 'a.pth')
        assert load_weights(network, path) == ({'iter': 7} if wrapped else {})
        for name, value in network.state_dict().items():
            assert torch.equal(value, state[name])

    def test_faults_are_listed_and_nothing_is_loaded(self, tmp_path, network):
        start = {name: value.clone() for name, value in network.state_dict().items()}
        state = {name: value + 1 for name, value in start.items()}
        del state['0.bias']
        state |= {'0.weight': torch.zeros(4, 5, 1, 1), 'head.weight': torch.zeros(1)}
        path = save({'state_dict': state}, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match=r'a\.pth does not fit the model Seq') as caught:
            load_weights(network, path)
        assert str(caught.value).splitlines()[1:] == [
            '1 missing:',
            '  0.bias',
            '1 unknown:',
            '  head.weight',
            '1 of another shape:',
            '  0.weight: (4, 5, 1, 1), expected (4, 3, 1, 1)',
        ]
        for name, value in network.state_dict().items():
            assert torch.equal(value, start[name])

    def test_a_state_dict_that_is_none(self, tmp_path, network):
        path = save({'state_dict': [1]}, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match='holds a list as its `state_dict`'):
            load_weights(network, path)

    def test_trusted_is_handed_on(self, tmp_path, network):
        content = {'state_dict': network.state_dict(), 'x': Malicious(tmp_path / 'made')}
        path = save(content, tmp_path / 'a.pth')
        with pytest.raises(CheckpointError, match='not read'):
            load_weights(network, path)
        load_weights(network, path, trusted=True)


def test_compare_names():
    weights = {'a': torch.zeros(1), 'b': torch.zeros(2)}
    assert compare_names(weights, dict(weights)) == ''
    many = {f'{i:02}': torch.zeros(1) for i in range(25)}
    lines = compare_names({}, many).splitlines()
    assert lines[0] == '25 missing:'
    assert lines[1:] == [f'  {i:02}' for i in range(20)] + ['  ... and 5 more']


class TestUseSafeLoading:
    @pytest.fixture(autouse=True)
    def _restored(self, monkeypatch):
        monkeypatch.setattr(CheckpointLoader, '_schemes', dict(CheckpointLoader._schemes))

    def test_mmengine_reads_local_files_as_we_do(self, tmp_path):
        path = save({'x': Malicious(tmp_path / 'made')}, tmp_path / 'a.pth')
        use_safe_loading()
        with pytest.raises(CheckpointError, match='not read'):
            CheckpointLoader.load_checkpoint(str(path))
        assert not (tmp_path / 'made').exists()
        use_safe_loading(trusted=True)
        CheckpointLoader.load_checkpoint(str(path), map_location='cpu')
        assert (tmp_path / 'made').exists()


def test_the_same_weights_have_the_same_hash_and_others_another() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
    first = weights_sha256(model)
    assert first == weights_sha256(copy.deepcopy(model)) and len(first) == 64
    assert first == weights_sha256(model.to(memory_format=torch.channels_last))
    renamed = nn.ModuleDict({'0': model[0], 'norm': model[1]})
    assert weights_sha256(renamed) != first
    model[1].num_batches_tracked += 1
    assert weights_sha256(model) != first


def test_weights_for_other_bands_are_told_by_the_bands(tmp_path):
    """Not by the shapes of the first convolution, which say nothing to whoever chose the config."""
    path = tmp_path / 'four_bands.pth'
    image = ImageSpec(bands=('red', 'green', 'blue', 'nir'), dtype='uint16')
    meta = dict(dataset_meta=dict(image=image.to_dict()))
    torch.save(dict(state_dict=nn.Conv2d(4, 2, 1).state_dict(), meta=meta), path)
    network = nn.Conv2d(3, 2, 1)
    network.image = RGB_8BIT
    with pytest.raises(CheckpointError, match=r"trained on images with bands=\('red'.*'nir'\), dt"):
        load_weights(network, path)
    network = nn.Conv2d(4, 2, 1)
    network.image = image
    assert load_weights(network, path) == meta


@pytest.mark.parametrize('standardize', [True, False])
def test_weights_for_images_that_are_standardised_or_not(tmp_path, standardize):
    trained, other = (ImageSpec(standardize=value) for value in (standardize, not standardize))
    network = nn.Conv2d(3, 2, 1)
    meta = dict(dataset_meta=dict(image=trained.to_dict()))
    path = save(dict(state_dict=network.state_dict(), meta=meta), tmp_path / 'a.pth')
    network.image = other
    expected = f'standardize={standardize}, but the config states standardize={not standardize}'
    with pytest.raises(CheckpointError, match=f'trained on images with {expected}'):
        load_weights(network, path)
    network.image = trained
    assert load_weights(network, path) == meta


def test_the_images_of_a_published_file_are_compared_too(tmp_path):
    """Its description of the data set holds the classes alone."""
    network = nn.Conv2d(3, 2, 1)
    meta = dict(
        dataset_meta=dict(classes=['unchanged', 'changed']),
        mmcd=dict(image=ImageSpec(dtype='uint16', value_range=(0, 3000)).to_dict()),
    )
    write_safetensors(tmp_path / 'a.safetensors', network.state_dict(), meta)
    network.image = RGB_8BIT
    with pytest.raises(CheckpointError, match=r'a\.safetensors was trained .* dtype=uint16, value'):
        load_weights(network, tmp_path / 'a.safetensors')
    network.image = ImageSpec(dtype='uint16', value_range=(0, 3000), metres_per_pixel=2.0)
    load_weights(network, tmp_path / 'a.safetensors')
