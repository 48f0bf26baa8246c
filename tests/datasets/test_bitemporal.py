from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.datasets import BitemporalDataset, LabelEncoding, LEVIRCDDataset
from mmcd.errors import ConfigError, DatasetError, DatasetNotFoundError
from mmcd.registry import DATASETS


def build(root: Path, **options) -> BitemporalDataset:
    return DATASETS.build(
        dict(type='BitemporalDataset', data_root=str(root), **{'split': 'train', **options})
    )


def test_items_name_files_and_encoding(tiny_levir):
    dataset = build(tiny_levir)
    assert len(dataset) == 4
    item = dataset.get_data_info(0)
    assert item['before_path'] == item['img_path'] == str(tiny_levir / 'train/A/train_1.png')
    assert item['after_path'] == str(tiny_levir / 'train/B/train_1.png')
    assert item['seg_map_path'] == str(tiny_levir / 'train/label/train_1.png')
    assert item['label_encoding'] == LabelEncoding(unchanged=0, changed=255)


@pytest.mark.parametrize('serialize', [True, False])
def test_items_share_no_state(tiny_levir, serialize):
    """A transform appends to ``seg_fields``: the next epoch must not see it."""
    dataset = build(tiny_levir, serialize_data=serialize)
    dataset.get_data_info(0)['seg_fields'].append('gt_seg_map')
    assert dataset.get_data_info(0)['seg_fields'] == []


def test_pipeline_runs(tiny_levir):
    steps = ['LoadImagePair', 'LoadChangeLabel', 'StackPair']
    dataset = build(tiny_levir, pipeline=[dict(type=step) for step in steps])
    results = dataset[0]
    assert results['img'].shape == (64, 64, 6)
    assert set(results['gt_seg_map'].ravel()) == {0, 1}


def test_indices_and_class_names(tiny_levir):
    assert len(build(tiny_levir, indices=2)) == 2
    assert build(tiny_levir).metainfo['classes'] == ('unchanged', 'changed')


def test_another_layout_by_options(write_pairs):
    root = write_pairs(layout='sysu')
    dataset = build(root, before_dir='time1', after_dir='time2', image_suffixes='.PNG')
    assert len(dataset) == 4


def test_split_may_be_empty(write_pairs):
    root = write_pairs(splits={'train': 3})
    assert len(build(root / 'train', split='')) == 3


def test_list_file_is_relative_to_the_root(tiny_levir):
    (tiny_levir / 'list').mkdir()
    (tiny_levir / 'list' / 'few.txt').write_text('train_3.png\ntrain_1.png\n')
    dataset = build(tiny_levir, list_file='list/few.txt')
    names = [Path(dataset.get_data_info(i)['before_path']).name for i in range(len(dataset))]
    assert names == ['train_3.png', 'train_1.png']


def test_missing_root_shows_the_tree(tmp_path):
    with pytest.raises(DatasetNotFoundError) as caught:
        build(tmp_path / 'nowhere')
    text = str(caught.value)
    assert f'No such folder: {tmp_path / "nowhere" / "train" / "A"} (the before images)' in text
    assert 'BitemporalDataset expects' in text
    lines = [' '.join(line.split()) for line in text.splitlines()]
    assert 'train/A/ *.png (before)' in lines
    assert 'train/B/ *.png (after)' in lines
    assert 'train/label/ *.png (label, values 0 unchanged, 255 changed)' in lines
    assert f'but there is no folder {tmp_path / "nowhere"} (from here: {Path.cwd()}).' in lines
    assert '--cfg-options data_root=FOLDER' in text


def test_wrong_root_says_what_is_there(tiny_levir):
    with pytest.raises(DatasetNotFoundError, match=r'tiny/train holds: A, B, label\.'):
        build(tiny_levir / 'train')


def test_empty_root(tmp_path):
    with pytest.raises(DatasetNotFoundError, match='holds: nothing'):
        build(tmp_path)


def test_a_broken_pair_stops_the_build(tiny_levir):
    (tiny_levir / 'train/B/train_2.png').unlink()
    with pytest.raises(DatasetNotFoundError, match=r'after: .*train/B/train_2\.png'):
        build(tiny_levir)


def test_ending_without_its_dot(tiny_levir):
    with pytest.raises(ConfigError, match=r"start with a dot, such as \.png; got \('png',\)"):
        build(tiny_levir, image_suffixes='png')


def test_bad_encoding_stops_the_build(tiny_levir):
    with pytest.raises(ConfigError, match='A label encoding is either'):
        build(tiny_levir, label_encoding=dict(changed=255))


def test_a_list_under_the_name_of_other_data_sets_is_not_passed_over(tiny_levir):
    with pytest.raises(
        ConfigError, match=r"does not take ann_file='train\.txt': use list_file, .* table"
    ):
        build(tiny_levir, ann_file='train.txt')


def test_labels_may_lie_elsewhere(tiny_levir, tmp_path):
    labels = tmp_path / 'labels'
    (tiny_levir / 'train' / 'label').rename(labels)
    dataset = LEVIRCDDataset(data_root=str(tiny_levir), split='train', label_dir=str(labels))
    assert len(dataset) == 4
    (labels / 'train_1.png').unlink()
    with pytest.raises(DatasetError, match=r'labels/'):
        LEVIRCDDataset(data_root=str(tiny_levir), split='train', label_dir=str(labels))
