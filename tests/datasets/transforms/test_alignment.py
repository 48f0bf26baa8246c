"""Both dates and the label stay aligned through MMSegmentation's geometric transforms."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import Compose

from mmcd.config import load_config
from mmcd.datasets import StackPair
from mmcd.registry import TRANSFORMS

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
BLOCK = 16  # pixels; only borders of blocks may fall otherwise in the image and in the label
OFFSET = 50  # `after` is brighter by this much

GEOMETRIC = {
    'crop': dict(type='mmseg.RandomCrop', crop_size=(48, 40)),
    'crop_by_category': dict(type='mmseg.RandomCrop', crop_size=(48, 40), cat_max_ratio=0.6),
    'flip': dict(type='mmseg.RandomFlip', prob=0.5, direction=['horizontal', 'vertical']),
    'flip_diagonal': dict(type='mmseg.RandomFlip', prob=0.8, direction='diagonal'),
    'rotate': dict(type='mmseg.RandomRotate', prob=0.9, degree=60),
    'rotate_or_flip': dict(type='mmseg.RandomRotFlip', rotate_prob=0.5, flip_prob=0.9),
    'resize': dict(type='mmseg.Resize', scale=(96, 50), keep_ratio=False),
    'resize_keep_ratio': dict(type='mmseg.Resize', scale=(100, 90), keep_ratio=True),
    'random_resize': dict(
        type='mmseg.RandomResize', scale=(80, 64), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    'resize_to_multiple': dict(type='mmseg.ResizeToMultiple', size_divisor=24),
}
seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=15, deadline=None, derandomize=True)


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)


def pair_with_label(seed: int, bands: int) -> dict:
    """Two dates of which all bands show the label's blocks, as a stacked pair."""
    rng = np.random.RandomState(seed)
    label = rng.randint(0, 2, (4, 5)).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1).astype(np.uint8)
    before = np.repeat(150 * label[..., None], bands, axis=2)
    return StackPair()(
        dict(before=before, after=before + OFFSET, gt_seg_map=label, seg_fields=['gt_seg_map'])
    )


@pytest.mark.parametrize('bands', [3, 13])
@pytest.mark.parametrize('name', GEOMETRIC)
@quick
@given(seed=seeds)
def test_identical_dates_stay_identical(name, bands, seed):
    seed_all(seed)
    image = np.random.randint(0, 256, (64, 80, bands)).astype(np.uint8)
    label = np.random.randint(0, 2, (64, 80)).astype(np.uint8)
    results = StackPair()(
        dict(before=image, after=image.copy(), gt_seg_map=label, seg_fields=['gt_seg_map'])
    )
    stacked = TRANSFORMS.build(GEOMETRIC[name])(results)['img']
    assert stacked.shape[2] == 2 * bands
    assert (stacked[..., :bands] == stacked[..., bands:]).all()


@pytest.mark.parametrize('bands', [3, 13])
@pytest.mark.parametrize('name', GEOMETRIC)
@quick
@given(seed=seeds)
def test_the_label_stays_aligned_with_both_dates(name, bands, seed):
    results = pair_with_label(seed, bands)
    seed_all(seed)
    results = TRANSFORMS.build(GEOMETRIC[name])(results)
    image, label = results['img'].astype(int), results['gt_seg_map']
    assert image.shape[:2] == label.shape
    before, after = image[..., :bands], image[..., bands:]
    inside = (label != 255) & (after.min(axis=2) > 0)  # not what a rotation has filled up
    assert inside.mean() > 0.3
    # The dates keep their places.
    assert (abs(after - before - OFFSET)[inside] <= 1).mean() > 0.95
    for date in (before - 75, after - OFFSET - 75):
        shown = (date > 0).all(axis=2)
        assert (shown == (label == 1))[inside].mean() > 0.85


@pytest.fixture(scope='module')
def darnet_geometry() -> list[dict]:
    """The geometric part of DARNet's training pipeline."""
    pipeline = load_config(CONFIGS / 'darnet_levir.py').train_pipeline
    types = [step['type'] for step in pipeline]
    assert types[:3] == ['LoadImagePair', 'LoadChangeLabel', 'StackPair']
    assert types[-1] == 'mmseg.PackSegInputs'
    return pipeline[3:-1]


def test_darnet_draws_the_eight_symmetries_equally(darnet_geometry):
    pattern = np.arange(36, dtype=np.uint8).reshape(6, 6)
    symmetries = [np.rot90(p, k).tobytes() for p in (pattern, pattern.T) for k in range(4)]
    assert len(set(symmetries)) == 8
    seed_all(0)
    compose = Compose(darnet_geometry)
    counts = dict.fromkeys(symmetries, 0)
    draws = 2000
    for _ in range(draws):
        image = np.repeat(pattern[..., None], 6, axis=2)
        drawn = compose(dict(img=image, gt_seg_map=pattern.copy(), seg_fields=['gt_seg_map']))
        assert (drawn['img'] == drawn['gt_seg_map'][..., None]).all()
        counts[drawn['gt_seg_map'].tobytes()] += 1  # a KeyError is none of the symmetries
    expected = draws / 8
    chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_square < 24.3  # 7 degrees of freedom, one chance in a thousand


def test_darnet_crops_cover_the_tile(darnet_geometry):
    seed_all(0)
    compose = Compose(darnet_geometry)
    rows = np.arange(1024, dtype=np.float32)[:, None].repeat(1024, axis=1)
    tile = np.dstack([rows, rows.T, rows, rows])
    seen = []
    for _ in range(60):
        results = dict(img=tile, gt_seg_map=rows.astype(np.int32), seg_fields=['gt_seg_map'])
        drawn = compose(results)
        assert drawn['img'].shape == (256, 256, 4)
        assert (drawn['img'][..., 0] == drawn['gt_seg_map']).all()
        seen.append((drawn['img'][..., 0].min(), drawn['img'][..., 1].min()))
    first, second = np.array(seen).T
    for start in (first, second):
        assert start.min() < 100 and start.max() > 668
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.5
