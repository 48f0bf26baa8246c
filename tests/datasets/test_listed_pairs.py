import os

import pytest

from mmcd.datasets import BitemporalDataset
from mmcd.datasets.listed_pairs import find_listed_pairs
from mmcd.errors import ConfigError, DatasetError, DatasetNotFoundError
from tests.tiny_pairs import draw_pair

PATTERNS = '{name}_2016.png {name}_2018.png {name}_mask.png'


@pytest.fixture
def folder(tmp_path):
    """Two pairs as people name their own, and a file that is none of them."""
    import numpy as np
    from PIL import Image

    rng = np.random.RandomState(0)
    for name in ('Site 1 (é)', 'b.2'):
        for suffix, image in zip(('2016', '2018', 'mask'), draw_pair(rng, 32, 40), strict=True):
            image = image * 255 if suffix == 'mask' else image
            Image.fromarray(image).save(tmp_path / f'{name}_{suffix}.png')
    (tmp_path / 'notes.png').touch()
    return tmp_path


def table(folder, *lines, header='before,after,label'):
    path = folder / 'list.csv'
    path.write_text('\n'.join([header, *lines]), encoding='utf-8')
    return path.name


def test_patterns(folder):
    one, two = find_listed_pairs(PATTERNS, folder)
    assert (one.name, two.name) == ('Site 1 (é)', 'b.2')
    assert one.after == folder / 'Site 1 (é)_2018.png' and two.label == folder / 'b.2_mask.png'


def test_patterns_may_be_absolute(folder):
    before, after, label = PATTERNS.split()
    (folder / 'root').mkdir()
    absolute = f'{folder}/{before} {folder}/{after} ../{label}'
    one, two = find_listed_pairs(absolute, folder / 'root')
    assert (one.name, two.name) == ('Site 1 (é)', 'b.2')
    assert one.before == folder / 'Site 1 (é)_2016.png'
    assert one.label == folder / 'root' / '..' / 'Site 1 (é)_mask.png'


def test_patterns_with_folders_and_the_name_twice(tmp_path):
    for name in ('x', 'y'):
        (tmp_path / name).mkdir()
        for file in (f'{name}_t1.tif', 't2.tif', 'l.gpkg'):
            (tmp_path / name / file).touch()
    (tmp_path / 'y' / 'x_t1.tif').touch()  # of another name: no pair
    patterns = '{name}/{name}_t1.tif {name}/t2.tif {name}/l.gpkg'
    assert [pair.name for pair in find_listed_pairs(patterns, tmp_path)] == ['x', 'y']


def test_a_table_names_splits_and_names(folder):
    name = table(
        folder,
        'b.2_2016.png,b.2_2018.png,b.2_mask.png,second,test',
        'Site 1 (é)_2016.png,Site 1 (é)_2018.png,Site 1 (é)_mask.png,,train',
        header='before,after,label,name,split',
    )
    first, second = find_listed_pairs(name, folder)
    assert (first.name, first.split) == ('Site 1 (é)_2016', 'train')
    assert (second.name, second.split) == ('second', 'test')


@pytest.mark.parametrize(
    ('lines', 'error', 'message'),
    [
        (['b.2_2016.png,b.2_2018.png,'], DatasetError, 'line 2: expected the columns'),
        (['b.2_2016.png,b.2_2018.png,none.png'], DatasetNotFoundError, r'label: .*none\.png'),
        (['b.2_2016.png,b.2_2018.png,b.2_mask.png'] * 2, DatasetError, 'Two pairs have one name'),
        ([], DatasetError, 'names no pair'),
    ],
)
def test_tables_that_cannot_be_used(folder, lines, error, message):
    with pytest.raises(error, match=message):
        find_listed_pairs(table(folder, *lines), folder)


@pytest.mark.parametrize('pairs', ['list.txt', '{name}_a.png {name}_b.png', 'a.png b.png c.png'])
def test_what_is_neither_table_nor_patterns(folder, pairs):
    with pytest.raises(ConfigError, match='Pairs are named by a table'):
        find_listed_pairs(pairs, folder)


def test_no_such_table(folder):
    with pytest.raises(DatasetNotFoundError, match='No such table of pairs'):
        find_listed_pairs('none.csv', folder)


@pytest.mark.parametrize('by', ['patterns', 'table'])
def test_a_data_set_without_preparation(folder, by):
    pairs = PATTERNS
    if by == 'table':
        lines = [
            f'{n}_2016.png,{n}_2018.png,{n}_mask.png,{s}'
            for n, s in (('Site 1 (é)', 'train'), ('b.2', 'val'))
        ]
        pairs = table(folder, *lines, header='before,after,label,split')
    split = 'val' if by == 'table' else ''
    pipeline = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel')]
    dataset = BitemporalDataset(data_root=str(folder), split=split, pairs=pairs, pipeline=pipeline)
    assert len(dataset) == (1 if by == 'table' else 2)
    sample = dataset[len(dataset) - 1]
    assert sample['before'].shape == (32, 40, 3) and set(sample['gt_seg_map'].flat) == {0, 1}


def test_a_table_without_pairs_of_the_split(folder):
    line = 'b.2_2016.png,b.2_2018.png,b.2_mask.png,val'
    pairs = table(folder, line, header='before,after,label,split')
    with pytest.raises(DatasetError, match="no pair into the split 'train'"):
        BitemporalDataset(data_root=str(folder), split='train', pairs=pairs)


@pytest.mark.parametrize(
    'content', [b'\xff\xfe\0a', b'before,after,label\n"' + b'x' * 200_000 + b'"']
)
def test_what_is_no_table_in_utf_8(tmp_path, content):
    (tmp_path / 'list.csv').write_bytes(content)
    said = r'list\.csv is no CSV in UTF-8: .*It should have the columns before, after, label'
    with pytest.raises(DatasetError, match=said):
        find_listed_pairs('list.csv', tmp_path)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
def test_a_pipe_is_no_file_of_a_pair(folder):
    os.mkfifo(folder / 'pipe.png')
    name = table(folder, 'b.2_2016.png,b.2_2018.png,pipe.png')
    with pytest.raises(DatasetNotFoundError, match=r'1 file\(s\) .* missing:\n.*pipe\.png'):
        find_listed_pairs(name, folder)
