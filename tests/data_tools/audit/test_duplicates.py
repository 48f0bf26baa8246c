from __future__ import annotations

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmcd.data_tools.audit.duplicates import Image, ThumbnailCache
from mmcd.data_tools.audit.fingerprint import ORIENTATIONS, orient
from mmcd.data_tools.audit.inspection import PairRecord
from mmcd.datasets.pair_index import PairFiles
from tests.data_tools.audit.planting import (
    SIDE,
    audit,
    copy_pair,
    draw,
    found,
    jpeg,
    read,
    the,
    write,
    write_clean,
)
from tests.golden import SHARED, needs_samples


@pytest.fixture
def clean(tmp_path) -> Path:
    return write_clean(tmp_path / 'clean')


@pytest.mark.parametrize('orientation', range(8))
def test_a_leak_in_every_orientation_saved_as_jpeg(clean, orientation):
    copy_pair(clean, 'train_1', 'test_7', lambda image: jpeg(orient(image, orientation)))
    finding = the(audit(clean), 'leak')
    assert finding.split == 'train/test'
    assert [Path(name).name for name in finding.files] == ['train_1.png', 'test_7.png']
    assert finding.text == f'the same pair {ORIENTATIONS[orientation]}'
    assert audit(clean).count('error') == 1


def test_leaks_are_listed_by_file_and_duplicates_apart(clean):
    for name in ('train_7', 'train_8', 'test_7', 'test_8', 'val_7'):
        copy_pair(clean, 'train_0', name, np.flipud if name == 'test_8' else np.asarray)
    report = audit(clean)
    leaks = {Path(f.files[1]).stem for f in report.findings if f.check == 'leak'}
    duplicates = {Path(f.files[1]).stem for f in report.findings if f.check == 'duplicate'}
    assert leaks == {'test_7', 'test_8', 'val_7'}
    assert duplicates == {'train_7', 'train_8'}


def test_exchanged_dates_are_a_leak_too(clean):
    for folder, other in (('A', 'B'), ('B', 'A'), ('label', 'label')):
        image = read(clean / 'train' / other / 'train_1.png')
        write(clean / 'val' / folder / 'val_7.png', image)
    assert 'dates exchanged' in the(audit(clean), 'leak').text


def test_one_image_in_two_pairs(clean):
    write(clean / 'test' / 'A' / 'test_1.png', read(clean / 'train' / 'A' / 'train_1.png'))
    assert the(audit(clean), 'image reused').split == 'train/test'


def test_empty_land_is_no_duplicate(tmp_path):
    """Water and sand: smooth shading with noise, like each other but not the same."""
    rng = np.random.RandomState(0)
    shade = np.linspace(90, 110, SIDE)[None, :, None] * np.ones((SIDE, 1, 3))
    for index in range(12):
        split = ('train', 'test')[index % 2]
        for folder in 'AB':
            image = shade + rng.randn(SIDE, SIDE, 3) * 2
            write(tmp_path / split / folder / f'{index}.png', image.astype(np.uint8))
        write(tmp_path / split / 'label' / f'{index}.png', draw(rng)[2])
    assert not found(audit(tmp_path)) & {'leak', 'duplicate', 'image reused'}


def test_many_copies_are_not_compared_each_with_each(clean, monkeypatch):
    label = read(clean / 'train' / 'label' / 'train_0.png')
    for index in range(30):
        lighter = partial(np.add, np.uint8(index % 5))
        copy_pair(clean, 'train_0', f'train_{100 + index}', lighter if index else np.asarray)
        write(clean / 'train' / 'label' / f'train_{100 + index}.png', label)
    calls = []
    compare = ThumbnailCache.same_image
    monkeypatch.setattr(
        ThumbnailCache, 'same_image', lambda self, *a: calls.append(a) or compare(self, *a)
    )
    report = audit(clean)
    assert sum(f.check == 'duplicate' for f in report.findings) == 30
    assert len(calls) < 4 * 30


@needs_samples
def test_real_leak(tmp_path):
    """A real LEVIR-CD crop, turned and saved as JPEG, among real ones."""
    source = SHARED / 'data' / 'LEVIR-CD-256'
    for path in source.glob('*/*/*.png'):
        write(tmp_path / path.relative_to(source), read(path))
    for folder in ('A', 'B', 'label'):
        image = read(source / 'train' / folder / 'train_386_0512_0768.png')
        write(tmp_path / 'test' / folder / 'turned.png', jpeg(np.rot90(image)))
    assert 'turned' in the(audit(tmp_path), 'leak').files[1]


@pytest.fixture
def thumbnails_of(tmp_path):
    """Thumbnails of pairs whose before and after images are given."""

    def make(*images: np.ndarray) -> ThumbnailCache:
        records = []
        for number in range(len(images) // 2):
            paths = [tmp_path / f'{number}_{date}.png' for date in (0, 1)]
            for path, image in zip(paths, images[2 * number :], strict=False):
                write(path, image)
            files = PairFiles(str(number), *paths, Path('none'))
            records.append(PairRecord('train', files))
        return ThumbnailCache(records)

    return make


def test_a_compressed_copy_is_the_same_and_another_place_is_not(thumbnails_of):
    rng = np.random.RandomState(0)
    image, other, _ = draw(rng)
    elsewhere = draw(rng)[0]
    jpeg = cv2.imdecode(cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    thumbnails = thumbnails_of(image, other, np.rot90(jpeg), elsewhere)
    assert thumbnails.same_image(Image(0, 0), Image(1, 0), 5)
    assert not thumbnails.same_image(Image(0, 0), Image(1, 0), 0)
    assert not thumbnails.same_image(Image(0, 0), Image(1, 1), 0)


def test_the_same_shading_with_other_detail_is_not_the_same(thumbnails_of):
    rng = np.random.RandomState(0)
    shade = np.linspace(60, 200, 96)[None, :, None] * np.ones((96, 1, 3))
    one, two = ((shade + rng.randn(96, 96, 3) * 4).astype(np.uint8) for _ in 'ab')
    thumbnails = thumbnails_of(one, two)
    assert not thumbnails.same_image(Image(0, 0), Image(0, 1), 0)
    assert thumbnails.nearly_equal(Image(0, 0), Image(0, 1), 0)  # nothing tells them apart
    assert thumbnails.same_image(Image(0, 0), Image(0, 0), 0)


def test_what_has_no_detail_is_the_same_only_if_equal(thumbnails_of):
    flat = np.full((96, 96, 3), 100, np.uint8)
    thumbnails = thumbnails_of(flat, flat + 1)
    assert not thumbnails.same_image(Image(0, 0), Image(0, 1), 0)
    assert thumbnails.nearly_equal(Image(0, 0), Image(0, 1), 0)
