from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmcd.datasets import (
    CDDDataset,
    CLCDDataset,
    LEVIRCDDataset,
    SYSUCDDataset,
    WHUCDDataset,
)
from mmcd.errors import DatasetNotFoundError
from mmcd.registry import DATASETS
from tests.golden import SHARED, needs_samples

LAYOUTS = {
    'levir': LEVIRCDDataset,
    'cdd': CDDDataset,
    'sysu': SYSUCDDataset,
    'whu': WHUCDDataset,
    'clcd': CLCDDataset,
}
READING = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel'), dict(type='StackPair')]


@pytest.mark.parametrize('layout', LAYOUTS)
@pytest.mark.parametrize('split', ['train', 'val', 'test'])
def test_original_layout(write_pairs, layout, split):
    root = write_pairs(layout=layout)
    dataset = LAYOUTS[layout](data_root=str(root), split=split, pipeline=READING)
    assert len(dataset) == {'train': 4, 'val': 2, 'test': 2}[split]
    for i in range(len(dataset)):
        results = dataset[i]
        assert results['img'].shape == (64, 64, 6)
        assert set(results['gt_seg_map'].ravel()) == {0, 1}
        raw = np.asarray(Image.open(results['seg_map_path']))
        half = LAYOUTS[layout].LABEL_ENCODING.get('changed', 255) // 2
        assert (results['gt_seg_map'] == (raw > half)).all()


@pytest.mark.parametrize('layout', LAYOUTS)
def test_another_layout_is_refused_with_the_tree(write_pairs, layout):
    wrong = 'levir' if layout == 'cdd' else 'cdd'
    root = write_pairs(layout=wrong)
    with pytest.raises(DatasetNotFoundError, match=f'{LAYOUTS[layout].__name__} expects'):
        LAYOUTS[layout](data_root=str(root), split='train')


@pytest.mark.parametrize('layout', LAYOUTS)
def test_registered(layout):
    assert DATASETS.get(LAYOUTS[layout].__name__) is LAYOUTS[layout]


@needs_samples
@pytest.mark.parametrize(('split', 'number'), [('train', 2), ('val', 1), ('test', 2)])
def test_real_levir_cd(split, number):
    root = SHARED / 'data' / 'LEVIR-CD'
    dataset = LEVIRCDDataset(data_root=str(root), split=split, pipeline=READING)
    assert len(dataset) == number
    results = dataset[0]
    assert results['img'].shape == (1024, 1024, 6)
    raw = np.asarray(Image.open(results['seg_map_path']))
    assert (results['gt_seg_map'] == (raw == 255)).all()
    assert 0 < results['gt_seg_map'].mean() < 0.5


@needs_samples
def test_real_cdd_label_has_grey_values():
    root = SHARED / 'data' / 'CDD'
    results = CDDDataset(data_root=str(root), split='train', pipeline=READING)[0]
    raw = np.asarray(Image.open(results['seg_map_path']).convert('L'))
    assert len(np.unique(raw)) > 200
    assert set(np.unique(results['gt_seg_map'])) == {0, 1}
    assert (results['gt_seg_map'] == (raw > 127)).all()
    # Greys sit at borders only: not many pixels rest on the threshold.
    assert ((raw > 20) & (raw < 235)).mean() < 0.05
