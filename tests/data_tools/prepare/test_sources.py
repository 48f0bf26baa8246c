from __future__ import annotations

import pytest

from mmcd.data_tools.prepare.sources import SOURCES
from mmcd.errors import DatasetError, DatasetNotFoundError
from tests.tiny_pairs import TinyLayout, write_tiny_pairs


def tiny_layout(name: str) -> TinyLayout:
    layout = SOURCES[name].layout
    return TinyLayout(
        layout.before_dir,
        layout.after_dir,
        layout.label_dir,
        layout.image_suffixes[0],
        layout.label_suffixes[0],
        layout.label_encoding.get('changed', 255),
    )


@pytest.mark.parametrize('name', sorted(set(SOURCES) - {'whu-cd', 'folder'}))
def test_finds_the_published_layout_however_deep(tmp_path, name):
    source = SOURCES[name]
    deep = tmp_path / 'archive' / (source.within or 'data')
    write_tiny_pairs(deep, layout=tiny_layout(name), height=16, width=16)
    scenes = source.find(tmp_path, source)
    assert [scene.splits for scene in scenes] == [('train',)] * 4 + [('val',)] * 2 + [('test',)] * 2
    assert all(s.before.is_file() and s.after.is_file() and s.label.is_file() for s in scenes)


def test_cdd_takes_the_real_pairs_among_those_of_its_archive(tmp_path):
    for folder in ('Real/subset', 'Model/with_shift', 'Model/without_shift'):
        write_tiny_pairs(tmp_path / folder, layout='cdd', height=16, width=16)
    scenes = SOURCES['cdd'].find(tmp_path, SOURCES['cdd'])
    assert all('Real/subset' in scene.before.as_posix() for scene in scenes)


def test_two_of_one_kind_must_be_told_apart(tmp_path):
    for folder in ('one', 'two'):
        write_tiny_pairs(tmp_path / folder, height=16, width=16)
    with pytest.raises(DatasetError, match='give one of them as SRC'):
        SOURCES['levir-cd'].find(tmp_path, SOURCES['levir-cd'])


def test_nothing_found_says_what_was_expected(tmp_path):
    with pytest.raises(DatasetNotFoundError, match='folders time1, time2, label'):
        SOURCES['sysu-cd'].find(tmp_path, SOURCES['sysu-cd'])
    with pytest.raises(DatasetNotFoundError, match='change_label'):
        SOURCES['whu-cd'].find(tmp_path, SOURCES['whu-cd'])
    with pytest.raises(DatasetNotFoundError, match='no folder'):
        SOURCES['whu-cd'].find(tmp_path / 'none', SOURCES['whu-cd'])


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_whu_cd_as_one_pair(tmp_path):
    root = tmp_path / 'Building change detection dataset' / '1. The two-period image data'
    files = [root / f for f in ('before/before.tif', 'after/after.tif')]
    touch(*files, root / 'change label' / 'change_label.tif')
    (scene,) = SOURCES['whu-cd'].find(tmp_path, SOURCES['whu-cd'])
    assert [scene.before, scene.after] == files
    assert scene.splits == ('train', 'val', 'test')


def test_whu_cd_with_areas(tmp_path):
    root = tmp_path / '1. The two-period image data'
    for split in ('train', 'test'):
        for year in ('2012', '2016'):
            touch(root / year / 'whole_image' / split / 'image' / f'{year}_{split}.tif')
        touch(root / 'change_label' / split / 'change_label.tif')
    train, test = SOURCES['whu-cd'].find(tmp_path, SOURCES['whu-cd'])
    assert (train.splits, test.splits) == (('train', 'val'), ('test',))


def test_own_pairs_with_and_without_splits(tmp_path, tiny_levir):
    source = SOURCES['folder']
    assert len(source.find(tiny_levir, source)) == 8
    scenes = source.find(tiny_levir / 'train', source)
    assert [scene.splits for scene in scenes] == [('train', 'val', 'test')] * 4
