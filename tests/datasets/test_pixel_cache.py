from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from mmengine.registry import init_default_scope
from PIL import Image

from mmcd.datasets import BitemporalDataset
from mmcd.datasets import pixel_cache as module
from mmcd.datasets.pixel_cache import (
    PixelCache,
    cache_root,
    cached_sizes,
    clear_cache,
    open_cache,
)
from mmcd.datasets.transforms.pairing import date_views, stack_dates
from mmcd.errors import ConfigError, LabelError
from tests.tiny_pairs import write_tiny_pairs

PIPELINE = [
    dict(type='LoadImagePair'),
    dict(type='LoadChangeLabel'),
    dict(type='StackPair'),
]


def pairs(root, cache=None):
    init_default_scope('mmcd')
    return BitemporalDataset(data_root=str(root), split='train', pipeline=PIPELINE, cache=cache)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(b'one')
    return str(path)


class Counter:
    """Decodes an array of ones, and counts how often it is asked to."""

    def __init__(self, shape=(4, 5, 6)):
        self.calls = 0
        self.shape = shape

    def __call__(self):
        self.calls += 1
        return np.full(self.shape, self.calls, np.uint8)


def test_each_file_is_decoded_once_and_again_after_a_change(tmp_path, file):
    cache, decode = PixelCache(tmp_path / 'cache'), Counter()
    assert (cache.get([file], 'rgb', decode) == 1).all()
    assert (cache.get([file], 'rgb', decode) == 1).all()
    assert decode.calls == 1
    assert (cache.get([file], 'other bands', decode) == 2).all()
    with open(file, 'wb') as changed:
        changed.write(b'longer')
    assert (cache.get([file], 'rgb', decode) == 3).all()
    os.utime(file, ns=(1, 1))  # of the same size, but of another time
    assert (cache.get([file], 'rgb', decode) == 4).all()


def test_what_a_transform_writes_stays_its_own(tmp_path, file):
    cache, decode = PixelCache(tmp_path / 'cache'), Counter()
    cache.get([file], '', decode)
    mapped = cache.get([file], '', decode)
    mapped[:] = 9
    assert (cache.get([file], '', decode) == 1).all()


def test_damaged_entries_are_decoded_anew(tmp_path, file):
    cache, decode = PixelCache(tmp_path / 'cache'), Counter()
    cache.get([file], '', decode)
    (entry,) = (tmp_path / 'cache').iterdir()
    for length in (0, 40, entry.stat().st_size - 1):
        entry.write_bytes(entry.read_bytes()[:length])
        before = decode.calls
        cache.get([file], '', decode)
        assert decode.calls == before + 1
        assert (cache.get([file], '', decode) == decode.calls).all()


def test_beyond_the_limit_files_are_decoded_each_time(tmp_path, file, caplog):
    cache, decode = PixelCache(tmp_path / 'cache', max_bytes=300), Counter()
    cache.get([file], 'first', decode)
    for _ in range(2):
        cache.get([file], 'second', decode)
    assert decode.calls == 3
    assert sum(entry.stat().st_size for entry in (tmp_path / 'cache').iterdir()) <= 300
    assert caplog.text.count('has reached its limit of') == 1


def test_a_full_disk_stops_the_cache_not_the_training(tmp_path, file, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(module.np, 'save', fail)
    cache, decode = PixelCache(tmp_path / 'cache'), Counter()
    assert (cache.get([file], '', decode) == 1).all()
    assert not list((tmp_path / 'cache').iterdir())
    assert 'No space left on device' in caplog.text


def test_many_processes_may_decode_one_file(tmp_path, file):
    cache = PixelCache(tmp_path / 'cache')
    with ThreadPoolExecutor(8) as pool:
        results = [pool.submit(cache.get, [file], '', Counter((64, 64, 6))) for _ in range(32)]
    assert all((each.result() == 1).all() for each in results)
    assert len(list((tmp_path / 'cache').iterdir())) == 1


def test_a_file_that_another_process_renames_meanwhile_does_no_harm(tmp_path, file):
    cache = PixelCache(tmp_path / 'cache')
    cache.folder.mkdir()
    # Listed, but gone when it is looked at, as another process's half-written entry.
    (cache.folder / '.0.npy.1.part').symlink_to(tmp_path / 'nowhere')
    for _ in range(2):
        assert (cache.get([file], '', Counter()) == 1).all()
    assert len(list(cache.folder.glob('*.npy'))) == 1
    assert cached_sizes(tmp_path) == {}


def test_samples_are_those_without_a_cache(tmp_path):
    root = write_tiny_pairs(tmp_path / 'data')
    plain, cached = pairs(root), pairs(root, dict(folder=str(tmp_path / 'cache')))
    for _ in range(2):
        for index in range(len(plain)):
            expected, got = plain[index], cached[index]
            assert (expected['img'] == got['img']).all()
            assert (expected['gt_seg_map'] == got['gt_seg_map']).all()
            assert got['img'].shape == (64, 64, 6)
    assert len(cached_sizes(tmp_path / 'cache')) == 1


def test_a_wrong_label_is_an_error_each_time(tmp_path):
    root = write_tiny_pairs(tmp_path / 'data')
    label = np.full((64, 64), 7, np.uint8)
    for path in (root / 'train' / 'label').iterdir():
        Image.fromarray(label).save(path)
    cached = pairs(root, dict(folder=str(tmp_path / 'cache')))
    for _ in range(2):
        with pytest.raises(LabelError, match='7'):
            cached[0]


def test_clearing_leaves_other_files_alone(tmp_path, file):
    cache = PixelCache(tmp_path / 'root' / 'LEVIRCDDataset-0123456789ab')
    cache.get([file], '', Counter())
    theirs = tmp_path / 'root' / 'mine'
    ours = tmp_path / 'root' / 'LEVIRCDDataset-ba9876543210'
    others = [theirs / 'thesis.txt', theirs / 'embeddings.npy', theirs / f'{32 * "0"}.npy']
    others.append(ours / 'put_here.npy')
    for other in others:
        other.parent.mkdir(exist_ok=True)
        other.write_text('not ours')
    (tmp_path / 'root' / 'empty').mkdir()
    assert list(cached_sizes(tmp_path / 'root')) == [cache.folder.name, ours.name]
    assert clear_cache(tmp_path / 'root') > 0
    assert all(other.is_file() for other in others) and not cache.folder.exists()
    assert (tmp_path / 'root' / 'empty').is_dir()
    assert clear_cache(tmp_path / 'nowhere') == 0


@pytest.mark.parametrize(
    'setting', ['memory', 5, dict(size=3), dict(max_gb=0), dict(max_gb='many')]
)
def test_settings_that_are_none(setting):
    with pytest.raises(ConfigError, match='`cache`'):
        open_cache(setting, 'data', dataset='Some')


def test_one_cache_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    one = open_cache('memmap', str(tmp_path / 'one'), dataset='LEVIRCDDataset')
    two = open_cache('memmap', str(tmp_path / 'two'), dataset='LEVIRCDDataset')
    assert one.folder.parent == two.folder.parent == cache_root()
    assert one.folder != two.folder
    assert open_cache(None, 'data', dataset='Some') is None


def test_the_views_of_a_pair_are_stacked_without_a_copy():
    pair = np.arange(4 * 5 * 6, dtype=np.uint8).reshape(4, 5, 6)
    before, after = date_views(pair)
    for rows in (slice(None), slice(1, 3)):  # a crop's views are its own pair's, too
        stacked = stack_dates(before[rows], after[rows])
        assert np.shares_memory(stacked, pair)
        assert (stacked == pair[rows]).all()
    copy = before.copy()
    for dates in ((after, before), (before, before), (before[:2], after[1:3]), (copy, after)):
        stacked = stack_dates(*dates)
        assert not np.shares_memory(stacked, pair)
        assert (stacked == np.concatenate(dates, axis=2)).all()
