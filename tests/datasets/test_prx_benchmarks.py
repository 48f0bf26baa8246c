"""The data sets that PRX-Change's recipes add, in their original layouts."""

import numpy as np
import pytest
from PIL import Image

from mmcd.datasets import DSIFNCDDataset, S2LookingDataset
from mmcd.errors import DatasetNotFoundError
from mmcd.registry import DATASETS
from tests.tiny_pairs import TinyLayout, write_tiny_pairs

DSIFN = TinyLayout(
    before_dir='t1', after_dir='t2', label_dir='mask', image_suffix='.jpg', changed=1
)
S2LOOKING = TinyLayout(before_dir='Image1', after_dir='Image2')
PIPELINE = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel'), dict(type='StackPair')]


@pytest.mark.parametrize(
    ('split', 'suffix'), [('train', '.png'), ('val', '.png'), ('test', '.tif')]
)
def test_dsifn_labels_are_0_and_1_in_png_and_tif(tmp_path, split, suffix):
    layout = TinyLayout(**{**vars(DSIFN), 'label_suffix': suffix})
    root = write_tiny_pairs(tmp_path, layout=layout, splits={split: 2})
    dataset = DSIFNCDDataset(data_root=str(root), split=split, pipeline=PIPELINE)
    assert len(dataset) == 2
    sample = dataset[0]
    with Image.open(root / split / 'mask' / f'{split}_1{suffix}') as image:
        assert np.array_equal(sample['gt_seg_map'], np.asarray(image))
    assert set(np.unique(sample['gt_seg_map'])) == {0, 1}


def test_the_256_edition_is_not_taken_for_the_original(tmp_path):
    root = write_tiny_pairs(tmp_path, layout='levir', splits={'test': 1})
    with pytest.raises(DatasetNotFoundError, match=r't1/ .*\.jpg .*\(before\)'):
        DSIFNCDDataset(data_root=str(root), split='test')


def test_s2looking_reads_any_of_its_labels(tmp_path):
    root = write_tiny_pairs(tmp_path, layout=S2LOOKING, splits={'val': 2})
    (root / 'val' / 'label').rename(root / 'val' / 'label1')
    options = dict(type='S2LookingDataset', data_root=str(root), split='val', pipeline=PIPELINE)
    dataset = DATASETS.build(dict(options, label_dir='label1'))
    assert dataset[0]['gt_seg_map'].any() and dataset[0]['img'].shape == (64, 64, 6)
    with pytest.raises(DatasetNotFoundError, match=r'label'):
        S2LookingDataset(data_root=str(root), split='val')
