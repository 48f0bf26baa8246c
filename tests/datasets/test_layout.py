from __future__ import annotations

import json

import pytest

from mmcd.datasets import LEVIRCDDataset
from mmcd.datasets.layout import (
    MANIFEST,
    Manifest,
    PairLayout,
    prepared_layout,
    read_manifest,
)
from mmcd.errors import DatasetError
from tests.tiny_pairs import TinyLayout, write_tiny_pairs


def write_manifest(folder, complete=True, **layout):
    manifest = Manifest(dict(source='mine'), PairLayout(**layout), dict(train=4), complete)
    (folder / MANIFEST).write_text(manifest.to_json())
    return manifest


def test_what_is_written_is_read(tmp_path):
    manifest = write_manifest(tmp_path, image_suffixes=('.png', '.tif'), before_dir='x')
    assert read_manifest(tmp_path) == manifest
    assert prepared_layout(tmp_path) == manifest.layout


def test_no_manifest(tmp_path):
    assert read_manifest(tmp_path) is None
    assert prepared_layout(tmp_path) is None


def test_an_unfinished_preparation_is_refused(tmp_path):
    write_manifest(tmp_path, complete=False)
    with pytest.raises(DatasetError, match='goes on where it stopped'):
        prepared_layout(tmp_path)


@pytest.mark.parametrize('content', ['', '[]', '{"format": 9}', '{"format": 1}'])
def test_a_manifest_of_something_else(tmp_path, content):
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(DatasetError, match='no manifest that this version'):
        read_manifest(tmp_path)


def test_a_data_set_follows_it_and_arguments_come_first(tmp_path):
    layout = TinyLayout(before_dir='x', after_dir='y', label_dir='z', changed=1)
    root = write_tiny_pairs(tmp_path, layout=layout)
    encoding = dict(unchanged=0, changed=1)
    write_manifest(root, before_dir='x', after_dir='y', label_dir='z', label_encoding=encoding)
    dataset = LEVIRCDDataset(data_root=str(root), split='train')
    assert len(dataset) == 4 and dict(dataset.label_encoding.values)['changed'] == 1
    (root / 'train' / 'z').rename(root / 'train' / 'other')
    given = LEVIRCDDataset(data_root=str(root), split='train', label_dir='other')
    assert len(given) == 4
    assert json.loads((root / MANIFEST).read_text())['complete']


def test_the_classes_are_those_of_the_label_encoding():
    assert PairLayout().classes == PairLayout(label_encoding=dict(threshold=9)).classes
    assert PairLayout(label_encoding=dict(changed=0, unchanged=9)).classes.is_binary
    several = PairLayout(label_encoding=dict(built=2, ignored=9, unchanged=0, razed=1)).classes
    assert several.names == ('unchanged', 'built', 'razed')


@pytest.mark.parametrize('name', ['../other', '/tmp', '..', '.', '', 'a/b'])
@pytest.mark.parametrize('key', ['before_dir', 'label_dir', 'split'])
def test_a_manifest_of_folders_elsewhere_is_refused(tmp_path, name, key):
    """A preparation replaces what it names."""
    write_manifest(tmp_path, **({} if key == 'split' else {key: name}))
    if key == 'split':
        content = json.loads((tmp_path / MANIFEST).read_text())
        content['pairs'] = {name: 4}
        (tmp_path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=r'is no name of a folder in it\. Prepare the data set'):
        read_manifest(tmp_path)
