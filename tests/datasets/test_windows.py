"""Cutting scenes while they are read."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcd.datasets import BitemporalDataset
from mmcd.datasets.windows import SceneWindows
from mmcd.errors import ConfigError
from mmcd.io.images import Window

LENGTH = st.integers(1, 90)


@given(LENGTH, LENGTH, LENGTH, LENGTH)
def test_windows_lie_within_the_area_and_cover_it(height, width, size, stride):
    area = Window(3, 5, height, width)
    seen = np.zeros((height + 9, width + 9), int)
    windows = SceneWindows(size, min(stride, size)).cut(area)
    for window in windows:
        window.of(seen)[:] += 1
    assert (area.of(seen) > 0).all()
    assert seen.astype(bool).sum() == height * width
    assert len(set(windows)) == len(windows)


def test_without_the_rest_there_are_as_many_as_published():
    # A scene of 241x385: 4 rows and 7 columns at stride 47.
    assert len(SceneWindows(96, 47, edge='drop').cut(Window(0, 0, 241, 385))) == 28


@given(LENGTH, LENGTH, LENGTH)
def test_drawn_windows_lie_within_the_area(height, width, size):
    window = SceneWindows(size, 1, random=True).draw(Window(7, 2, height, width))
    assert (window.height, window.width) == (min(size, height), min(size, width))
    assert window.top >= 7 and window.top + window.height <= 7 + height
    assert window.left >= 2 and window.left + window.width <= 2 + width


@pytest.mark.parametrize(
    'settings', [dict(size=0, stride=4), dict(size=4, stride=4, edge='pad'), dict(sizes=4)]
)
def test_unusable_settings_are_refused(settings):
    with pytest.raises(ConfigError, match='`windows`'):
        SceneWindows.from_config(settings)


PIPELINE = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
]


def test_a_data_set_in_windows_gives_the_parts_of_its_pairs(tiny_levir):
    common = dict(data_root=str(tiny_levir), split='test', pipeline=PIPELINE)
    whole = BitemporalDataset(**common)
    cut = BitemporalDataset(**common, windows=dict(size=24, stride=20))
    assert len(cut) == 2 * 3 * 3
    for index in range(len(cut)):
        part, window = cut[index], cut.get_data_info(index)['window']
        scene = whole[index // 9]
        assert np.array_equal(part['img'], window.of(scene['img']))
        assert np.array_equal(part['gt_seg_map'], window.of(scene['gt_seg_map']))


def test_windows_at_random_places_differ_and_stay_aligned(tiny_levir):
    dataset = BitemporalDataset(
        data_root=str(tiny_levir),
        split='test',
        pipeline=PIPELINE,
        windows=dict(size=24, stride=20, random=True),
    )
    np.random.seed(0)
    parts = [dataset[0] for _ in range(8)]
    assert len({part['img'].tobytes() for part in parts}) > 1
    for part in parts:  # what changed is bright
        changed = part['gt_seg_map'] == 1
        assert (part['img'][..., 3:].min(axis=2)[changed] > 200).all()
        assert (part['img'][..., 3:].max(axis=2)[~changed] < 200).all()


def test_what_is_kept_does_not_change_with_the_sample(tiny_levir):
    dataset = BitemporalDataset(
        data_root=str(tiny_levir),
        split='test',
        pipeline=PIPELINE[:2],
        windows=dict(size=24, stride=20),
    )
    first = dataset[0]
    for key in ('before', 'after', 'gt_seg_map'):
        first[key][:] = 9
    second = dataset[0]
    assert not any((second[key] == 9).all() for key in ('before', 'after', 'gt_seg_map'))


def test_pairs_and_windows_have_names_that_tell_them_apart(tiny_levir):
    common = dict(data_root=str(tiny_levir), split='test')
    whole = BitemporalDataset(**common)
    assert [whole.get_data_info(i)['pair_name'] for i in range(2)] == ['test_1', 'test_2']
    cut = BitemporalDataset(**common, windows=dict(size=32, stride=32))
    assert cut.get_data_info(1)['pair_name'] == 'test_1_0000_0032'
