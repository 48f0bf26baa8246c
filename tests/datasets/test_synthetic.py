"""Pairs that are drawn while a network trains."""

from __future__ import annotations

import numpy as np
import pytest
from mmengine.registry import init_default_scope

from mmcd.config import load_config
from mmcd.datasets import SyntheticPairDataset
from mmcd.errors import ConfigError
from mmcd.registry import DATASETS
from mmcd.synthetic.folder import SampleSettings, prepare_folder, write_pairs


def test_a_pair_is_that_of_the_folder_with_the_same_seed(tmp_path) -> None:
    settings = SampleSettings({'val': 2}, size=64, seed=5, style='estates')
    prepare_folder(tmp_path, settings)
    list(write_pairs(tmp_path, settings, workers=1))
    folder = DATASETS.build(
        dict(
            type='mmcd.BitemporalDataset',
            data_root=str(tmp_path),
            split='val',
            pipeline=[dict(type='mmcd.LoadImagePair'), dict(type='mmcd.LoadChangeLabel')],
        )
    )
    drawn = SyntheticPairDataset(length=2, size=64, seed=5, split='val')
    for index in range(2):
        for key in ('before', 'after', 'gt_seg_map'):
            np.testing.assert_array_equal(drawn[index][key], folder[index][key])


def test_a_sample_goes_through_a_pipeline() -> None:
    init_default_scope('mmcd')
    data = SyntheticPairDataset(
        length=3,
        size=64,
        pipeline=[
            dict(type='LoadImagePair'),
            dict(type='StackPair'),
            dict(type='mmseg.RandomCrop', crop_size=(32, 32)),
            dict(type='mmseg.PackSegInputs', meta_keys=('img_path', 'metres_per_pixel')),
        ],
    )
    sample = data[2]
    assert len(data) == 3
    assert sample['inputs'].shape == (6, 32, 32)
    assert sample['data_samples'].gt_sem_seg.data.max() <= 1
    assert 0.3 <= sample['data_samples'].metres_per_pixel <= 1.0


def test_splits_and_indices_have_pairs_of_their_own() -> None:
    train, val = (SyntheticPairDataset(length=2, size=64, split=s) for s in ('train', 'val'))
    images = {data[i]['before'].tobytes() for data in (train, val) for i in range(2)}
    assert len(images) == 4
    np.testing.assert_array_equal(train[1]['before'], train[1]['before'])


def test_labels_may_tell_the_buildings_of_both_dates() -> None:
    change, buildings = (
        SyntheticPairDataset(length=8, size=64, seed=1, labels=kind)
        for kind in ('change', 'buildings')
    )
    seen = set()
    for index in range(8):
        cases = buildings[index]['gt_seg_map']
        np.testing.assert_array_equal((cases == 1) | (cases == 2), change[index]['gt_seg_map'] == 1)
        seen |= set(np.unique(cases).tolist())
    assert {0, 2, 3} <= seen <= {0, 1, 2, 3}


def test_kept_pairs_are_drawn_once_and_never_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    data = SyntheticPairDataset(length=1, size=32, keep=True)
    first = data[0]['before'].copy()
    data[0]['before'][:] = 0
    monkeypatch.setattr(data, '_draw', lambda number: pytest.fail('drawn a second time'))
    np.testing.assert_array_equal(data[0]['before'], first)


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        (dict(length=0), '`length` of 1 or more'),
        (dict(seed=-1), '`seed` of 0 or more'),
        (dict(split='all'), "split out of .* got 'all'"),
        (dict(style='cities'), 'style out of'),
        (dict(labels='roads'), "'change' or 'buildings', not 'roads'"),
        (dict(size=8), 'size from 32'),
        (dict(image=dict(bands=['grey'])), 'draws 8-bit RGB pairs, but'),
    ],
)
def test_settings_are_checked(changed: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SyntheticPairDataset(**{'length': 2, **changed})


def test_drawn_pairs_mix_with_real_ones(tmp_path) -> None:
    settings = SampleSettings({'train': 2}, size=64, seed=5)
    prepare_folder(tmp_path, settings)
    list(write_pairs(tmp_path, settings, workers=1))
    init_default_scope('mmcd')
    end = [dict(type='StackPair'), dict(type='mmseg.PackSegInputs')]
    loading = [dict(type='LoadImagePair'), dict(type='LoadChangeLabel')]
    mixed = DATASETS.build(
        dict(
            type='ConcatDataset',
            datasets=[
                dict(type='SyntheticPairDataset', length=3, size=64, pipeline=end),
                dict(
                    type='BitemporalDataset',
                    data_root=str(tmp_path),
                    split='train',
                    pipeline=[*loading, *end],
                ),
            ],
        )
    )
    assert len(mixed) == 5
    assert [mixed[index]['inputs'].shape for index in (0, 4)] == [(6, 64, 64)] * 2


def test_the_image_description_of_a_config_reaches_the_data_set() -> None:
    cfg = load_config('buildings_synthetic')
    assert cfg.train_dataloader.dataset.image['metres_per_pixel'] == 0.5
