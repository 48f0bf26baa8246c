"""SZTAKI AirChange in the layout of its authors."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.datasets import SZTAKIDataset
from mmcd.errors import ConfigError, DatasetNotFoundError
from mmcd.evaluation.image_result import source_namer
from tests.tiny_scenes import write_tiny_sztaki

PIPELINE = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel')]
PUBLISHED = Path(__file__).resolve().parents[3] / 'shared' / 'data' / 'SZTAKI-AirChange-full'


@pytest.fixture(scope='module')
def sztaki(tmp_path_factory):
    return write_tiny_sztaki(tmp_path_factory.mktemp('sztaki'), pairs={'Szada': 4, 'Archieve': 1})


def build(root, split, series='Szada', **kwargs):
    kwargs = {'val_pairs': [4], 'pipeline': PIPELINE} | kwargs
    return SZTAKIDataset(data_root=str(root), split=split, series=series, **kwargs)


def numbers(dataset):
    return [Path(dataset[index]['before_path']).parent.name for index in range(len(dataset))]


def test_one_pair_is_tested_on_and_none_of_it_is_trained_on(sztaki):
    assert numbers(build(sztaki, 'train')) == ['2', '3']
    assert numbers(build(sztaki, 'val')) == ['4']
    assert numbers(build(sztaki, 'test')) == ['1']
    assert numbers(build(sztaki, 'train', 'Archieve', val_pairs=[])) == ['1']


def test_the_test_is_on_the_official_part(sztaki):
    sample = build(sztaki, 'test')[0]
    assert sample['before'].shape == (448, 784, 3)
    whole = np.asarray(Image.open(sztaki / 'Szada' / '1' / 'im2.bmp'))
    assert np.array_equal(sample['after'], whole[:448, :784])
    label = np.asarray(Image.open(sztaki / 'Szada' / '1' / 'gt.bmp'))
    assert np.array_equal(sample['gt_seg_map'], label[:448, :784] > 127)
    assert build(sztaki, 'train')[0]['before'].shape == (460, 800, 3)


def test_windows_of_the_test_stay_within_the_official_part(sztaki):
    dataset = build(sztaki, 'test', windows=dict(size=100, stride=90))
    windows = [dataset.get_data_info(index)['window'] for index in range(len(dataset))]
    # So named, they count as one image where intervals are made.
    names = [dataset.get_data_info(index)['pair_name'] for index in range(len(dataset))]
    assert len(set(names)) == len(names) and source_namer()(names[0]) == names[0][:-10]
    assert max(window.top + window.height for window in windows) == 448
    assert max(window.left + window.width for window in windows) == 784


def test_png_files_are_read_too(tmp_path):
    root = write_tiny_sztaki(tmp_path, pairs={'Szada': 2}, suffix='.png')
    assert numbers(build(root, 'train', val_pairs=[])) == ['2']


@pytest.mark.parametrize(
    ('settings', 'message'),
    [
        (dict(split='test', series='Szeged'), '`series` is one of Szada, Tiszadob, Archieve'),
        (dict(split='train', val_pairs=[1]), 'must be training pairs of Szada.*1 is the test pair'),
        (dict(split='train', val_pairs=[9]), 'must be training pairs of Szada'),
        (dict(split='val', val_pairs=[]), "no pair for the split 'val'"),
        (dict(split='test', series='Archieve', val_pairs=[]), 'Archieve has no test pair'),
    ],
)
def test_settings_that_fit_no_split_are_refused(sztaki, settings, message):
    with pytest.raises(ConfigError, match=message):
        build(sztaki, **settings)


def test_missing_files_are_named(tmp_path):
    root = write_tiny_sztaki(tmp_path, pairs={'Szada': 3})
    (root / 'Szada' / '2' / 'gt.bmp').unlink()
    with pytest.raises(DatasetNotFoundError, match=r'Szada/2/gt\.bmp(?s:.)*SZTAKIDataset expects'):
        build(root, 'train', val_pairs=[])
    with pytest.raises(DatasetNotFoundError, match='No pairs in'):
        build(root, 'train', 'Tiszadob', val_pairs=[])


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason='the published set is not beside the checkout')
@pytest.mark.parametrize(('series', 'share'), [('Szada', 5.835), ('Tiszadob', 17.109)])
def test_the_official_parts_have_the_published_share_of_change(series, share):
    label = build(PUBLISHED, 'test', series, val_pairs=[])[0]['gt_seg_map']
    assert 100 * label.mean() == pytest.approx(share, abs=5e-4)
