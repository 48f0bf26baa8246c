from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mmcd.config import load_config
from mmcd.data_tools.audit.inspection import inspect_pair
from mmcd.data_tools.audit.runner import run_audit
from mmcd.data_tools.audit.splits import list_pairs, splits_of_config, splits_of_folder
from mmcd.errors import ConfigError
from mmcd.io.images import Window
from tests.tiny_pairs import TinyLayout, write_tiny_pairs
from tests.tiny_scenes import write_tiny_sztaki

CONFIGS = Path(__file__).parents[3] / 'configs'


def test_a_config_names_its_splits_and_encoding(write_pairs):
    root = write_pairs(layout='cdd')
    (root / 'train' / 'B' / 'train_1.jpg').unlink()
    splits = splits_of_config(load_config(CONFIGS / 'darnet_cdd.py', {'data_root': str(root)}))
    assert [split.name for split in splits] == ['train', 'val', 'test']
    assert splits[0].encoding.threshold == 127
    listing = list_pairs(splits[0])
    assert (len(listing.tasks), len(listing.findings)) == (3, 1)


def test_testing_on_the_validation_split_is_no_leak(tiny_levir):
    options = {'data_root': str(tiny_levir), 'test_dataloader.dataset.split': 'val'}
    splits = splits_of_config(load_config(CONFIGS / 'darnet_levir.py', options))
    assert [split.name for split in splits] == ['train', 'val']


def test_training_on_the_split_that_is_validated_and_tested_on_is_a_leak(tiny_levir):
    options = {f'{name}_dataloader.dataset.split': 'val' for name in ('train', 'test')}
    options['data_root'] = str(tiny_levir)
    splits = splits_of_config(load_config(CONFIGS / 'darnet_levir.py', options))
    assert [split.name for split in splits] == ['train', 'val']
    findings = run_audit(splits, workers=1).findings
    assert any(finding.check == 'leak' for finding in findings)


def dataset_of(root, **settings):
    return dict(
        dataset=dict(type='BitemporalDataset', data_root=str(root), pipeline=[], **settings)
    )


def test_pairs_of_patterns_are_audited_as_they_are_trained_on(tmp_path):
    root = write_tiny_pairs(tmp_path, splits={'all': 2}, height=16, width=16) / 'all'
    patterns = 'A/{name}.png B/{name}.png label/{name}.png'
    loader = dataset_of(root, split='', pairs=patterns, before_dir='none')
    (split,) = splits_of_config(Config(dict(train_dataloader=loader)))
    assert [task.files.before for task in list_pairs(split).tasks] == [
        root / 'A' / 'all_1.png',
        root / 'A' / 'all_2.png',
    ]


def test_a_config_may_do_without_validation(tiny_levir):
    loader = dataset_of(tiny_levir, split='train')
    splits = splits_of_config(Config(dict(train_dataloader=loader, val_dataloader=None)))
    assert [split.name for split in splits] == ['train']


def test_a_misspelt_type_of_data_set_is_told_with_the_right_one():
    loader = dict(dataset=dict(type='BitemporalDatset'))
    said = (
        r"val_dataloader\.dataset\.type: there is no dataset 'BitemporalDatset'\. Did you mean Bit"
    )
    with pytest.raises(ConfigError, match=said):
        splits_of_config(Config(dict(val_dataloader=loader)))


def test_a_list_file_is_kept_to(tiny_levir):
    (tiny_levir / 'list.txt').write_text('train_2.png\ntrain_9\n')
    options = {'data_root': str(tiny_levir), 'train_dataloader.dataset.list_file': 'list.txt'}
    split = splits_of_config(load_config(CONFIGS / 'darnet_levir.py', options))[0]
    listing = list_pairs(split)
    assert [task.files.name for task in listing.tasks] == ['train_2']
    assert listing.findings[0].files == ('train_9',)


def test_a_config_without_pairs():
    with pytest.raises(ConfigError, match='no BitemporalDataset'):
        splits_of_config(Config(dict(model=dict())))


@pytest.mark.parametrize(
    ('layout', 'encoding'),
    [
        (TinyLayout(), '0 unchanged, 255 changed'),
        (TinyLayout('time1', 'time2'), '0 unchanged, 255 changed'),
        (TinyLayout(label_dir='OUT', image_suffix='.jpg', label_suffix='.jpg'),
         'unchanged up to 127, changed above'),
        (TinyLayout('t1', 't2', 'mask', changed=1), '0 unchanged, 1 changed'),
    ],
)  # fmt: skip
def test_a_folder_is_known_by_its_look(tmp_path, layout, encoding):
    write_tiny_pairs(tmp_path, layout=layout, height=16, width=16)
    splits = splits_of_folder(tmp_path)
    assert [len(list_pairs(split).tasks) for split in splits] == [4, 2, 2]
    assert str(splits[0].encoding) == encoding


def test_a_folder_without_splits_and_with_names_of_its_own(tmp_path):
    layout = TinyLayout('old', 'new', 'truth', changed=1)
    root = write_tiny_pairs(tmp_path, layout=layout, splits={'all': 3}, height=16, width=16)
    given = dict(
        before_dir='old',
        after_dir='new',
        label_dir='truth',
        label_encoding=dict(unchanged=0, changed=1),
    )
    (split,) = splits_of_folder(root / 'all', given)
    assert (split.name, len(list_pairs(split).tasks)) == ('all', 3)


def test_data_sets_with_layouts_of_their_own_are_audited_by_their_own_pairs(tmp_path):
    root = write_tiny_sztaki(tmp_path, pairs={'Szada': 7})
    config = load_config(CONFIGS / 'fc_ef_sztaki_szada.py', {'data_root': str(root)})
    train, val, test = splits_of_config(config)
    assert [len(list_pairs(split).tasks) for split in (train, val, test)] == [5, 1, 1]
    (task,) = list_pairs(test).tasks
    assert (task.files.name, task.area) == ('Szada_1', Window(0, 0, 448, 784))
    record = inspect_pair(task)
    assert record.shape == (448, 784, 3)
    assert record.class_counts.sum() == 448 * 784


def test_what_is_not_audited_is_said(tiny_levir, caplog):
    options = {'data_root': str(tiny_levir)}
    config = load_config(CONFIGS / 'darnet_levir.py', options)
    part = config.train_dataloader.dataset
    config.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[part, part])
    with caplog.at_level('WARNING', logger='mmcd'):
        names = [split.name for split in splits_of_config(config)]
    assert 'train' not in names and 'train: what ConcatDataset holds is not audited' in caplog.text
