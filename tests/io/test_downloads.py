"""Checkpoints from elsewhere: read as ours, or refused, by every scheme and scope there is."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.runner import CheckpointLoader, find_latest_checkpoint

from mmcd.apis import init_model
from mmcd.config import load_config
from mmcd.errors import CheckpointError
from mmcd.io import downloads
from mmcd.io.checkpoints import read_checkpoint, safe_loading
from mmcd.io.downloads import local_file
from mmcd.io.safetensors_file import write_safetensors
from mmcd.registry import MODELS
from tests.models.building import CONFIGS

CONFIG = CONFIGS / 'darnet_sample.py'
# One address for each of the schemes that MMEngine knows.
SCHEMES = (
    'http://',
    'https://',
    'torchvision://',
    'modelzoo://',
    'open-mmlab://',
    'openmmlab://',
    'mmcls://',
    's3://',
    'petrel://',
    'cluster:s3://',
    'cluster:petrel://',
    'pavi://',
    'file://',
    'ftp://',
)
SCOPES = ('mmengine', 'mmseg', 'mmpretrain', 'mmcv', 'mmcd')
NAMES = ('Pretrained', *(f'{scope}.Pretrained' for scope in SCOPES))
FULL_NAME = 'mmengine.model.weight_init.PretrainedInit'


class Marks:
    """Where a pickle of it is read by Python's unpickler, a folder appears."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / 'code_has_run'


@pytest.fixture
def served(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a folder with files that run code, and one that does not; torch's hub."""
    folder = tmp_path / 'served'
    folder.mkdir()
    torch.save({'state_dict': {'w': Marks(marker)}}, folder / 'inside.pth')
    torch.save(Marks(marker), folder / 'top.pth')
    torch.save({'meta': Marks(marker)}, folder / 'legacy.pth', _use_new_zipfile_serialization=False)
    torch.save({'state_dict': {'w': torch.ones(2)}}, folder / 'good.pth')
    (folder / 'cut.pth').write_bytes((folder / 'good.pth').read_bytes()[:300])
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    server = ThreadingHTTPServer(
        ('127.0.0.1', 0), functools.partial(QuietHandler, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs=dict(poll_interval=0.01))
    thread.start()
    address = f'http://127.0.0.1:{server.server_port}/'
    catalogue = {path.stem: address + path.name for path in folder.iterdir()}
    monkeypatch.setattr(
        downloads, 'CATALOGUES', {name: lambda: catalogue for name in downloads.CATALOGUES}
    )
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def address_of(scheme: str, served: str, name: str) -> str:
    rest = served.partition('://')[2] + f'{name}.pth'
    return scheme + (rest if scheme in ('http://', 'https://') else name)


@pytest.mark.parametrize('name', ['inside', 'top', 'legacy'])
@pytest.mark.parametrize('scheme', SCHEMES)
def test_no_scheme_runs_code(served: str, marker: Path, scheme: str, name: str) -> None:
    address = address_of(scheme, served, name)
    with safe_loading(), pytest.raises(CheckpointError):
        CheckpointLoader.load_checkpoint(address)
    assert not marker.exists()


def test_the_files_do_run_code_where_they_may(served: str, marker: Path) -> None:
    """So that the tests above could fail."""
    torch.load(local_file(f'{served}inside.pth'), weights_only=False)
    assert marker.is_dir()


def test_every_scheme_of_mmengine_is_ours() -> None:
    former = dict(CheckpointLoader._schemes)
    with safe_loading():
        assert {loader.__module__ for loader in CheckpointLoader._schemes.values()} == {
            'mmcd.io.checkpoints'
        }
    assert dict(CheckpointLoader._schemes) == former


@pytest.mark.parametrize('scheme', ['http://', 'torchvision://', 'modelzoo://', 'openmmlab://'])
def test_what_is_taken_is_read(served: str, scheme: str) -> None:
    with safe_loading():
        content = CheckpointLoader.load_checkpoint(address_of(scheme, served, 'good'))
    assert content['state_dict']['w'].tolist() == [1, 1]


@pytest.mark.parametrize('scheme', ['s3://', 'pavi://', 'mmcls://', 'file://', 'cluster:s3://'])
def test_what_is_not_taken_is_said(served: str, scheme: str) -> None:
    with pytest.raises(CheckpointError, match=r'mmcd downloads checkpoints from https://'):
        local_file(f'{scheme}x.pth')


def test_what_is_not_there_is_said(served: str) -> None:
    with pytest.raises(CheckpointError, match="can't be downloaded: HTTP Error 404"):
        local_file(f'{served}none.pth')
    with pytest.raises(CheckpointError, match="torchvision has no weights named 'none'"):
        local_file('torchvision://none')


def test_files_of_one_name_are_kept_apart(served: str, tmp_path: Path) -> None:
    (tmp_path / 'served' / 'other').mkdir()
    torch.save({'state_dict': {'w': torch.zeros(3)}}, tmp_path / 'served' / 'other' / 'good.pth')
    for address, values in ((f'{served}good.pth', [1, 1]), (f'{served}other/good.pth', [0, 0, 0])):
        for _ in range(2):
            content = read_checkpoint(local_file(address))
            assert content['state_dict']['w'].tolist() == values


@pytest.mark.parametrize('name', ['a.pth', 'a.safetensors'])
@pytest.mark.parametrize('body', ['half', 'a login page'])
def test_what_was_cut_short_is_fetched_again(
    served: str, tmp_path: Path, name: str, body: str
) -> None:
    weights = {'w': torch.ones(100)}
    path = tmp_path / 'served' / name
    if path.suffix == '.pth':
        torch.save({'state_dict': weights}, path)
    else:
        write_safetensors(path, weights, {})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if body == 'half' else b'<!DOCTYPE html><html>')
    with pytest.raises(CheckpointError, match=rf'{served}{name} is no .*, or was cut short'):
        local_file(f'{served}{name}')
    assert not [found for found in (tmp_path / 'hub').rglob('*') if found.is_file()]
    path.write_bytes(whole)
    assert torch.equal(
        read_checkpoint(local_file(f'{served}{name}'))['state_dict']['w'], weights['w']
    )


def test_a_kill_before_the_check_leaves_nothing_under_the_name(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(path: Path) -> None:
        assert path.is_file()
        raise KeyboardInterrupt

    monkeypatch.setattr(downloads, 'check_file', killed)
    with pytest.raises(KeyboardInterrupt):
        local_file(f'{served}cut.pth')
    assert not list((tmp_path / 'hub').rglob('cut.pth'))


@pytest.mark.parametrize('several', [False, True])
@pytest.mark.parametrize('place', ['local', 'http'])
@pytest.mark.parametrize('name', [*NAMES, FULL_NAME])
def test_without_a_checkpoint_no_encoder_is_read(
    served: str, tmp_path: Path, marker: Path, name: str, place: str, several: bool
) -> None:
    init_cfg = dict(type=name, checkpoint=_place(place, served, tmp_path))
    options = {'model.backbone.init_cfg': [init_cfg] if several else init_cfg}
    init_model(CONFIG, cfg_options=options)
    assert not marker.exists() and not (tmp_path / 'hub').exists()


@pytest.mark.parametrize('place', ['local', 'http'])
@pytest.mark.parametrize('name', NAMES)
def test_a_training_runs_no_code_of_its_encoder(
    served: str, tmp_path: Path, marker: Path, name: str, place: str
) -> None:
    init_cfg = dict(type=name, checkpoint=_place(place, served, tmp_path))
    config = load_config(CONFIG, {'model.backbone.init_cfg': init_cfg})
    init_default_scope('mmcd')
    # KeyError: mmcv has no initialiser of this name, nor another that reads files.
    with safe_loading(), pytest.raises((CheckpointError, KeyError)):
        MODELS.build(config.model).init_weights()
    assert not marker.exists()


def test_an_address_in_last_checkpoint_runs_no_code(
    served: str, tmp_path: Path, marker: Path
) -> None:
    (tmp_path / 'last_checkpoint').write_text(f'{served}inside.pth')
    with safe_loading(), pytest.raises(CheckpointError):
        CheckpointLoader.load_checkpoint(find_latest_checkpoint(str(tmp_path)))
    assert not marker.exists()


def _place(place: str, served: str, tmp_path: Path) -> str:
    return f'{served}inside.pth' if place == 'http' else str(tmp_path / 'served' / 'inside.pth')
