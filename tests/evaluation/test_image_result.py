from __future__ import annotations

import numpy as np
import pytest

from mmcd.errors import ConfigError
from mmcd.evaluation.image_result import (
    hash_file_list,
    hash_label,
    hash_labels,
    relative_to,
    source_namer,
    with_unique_names,
)
from tests.evaluation.counted_images import counted_image


@pytest.mark.parametrize(
    ('name', 'source'),
    [
        ('train_386_0512_0768', 'train_386'),
        ('whu_00256_15104', 'whu'),
        ('train_386', 'train_386'),
        ('0_2', '0_2'),
        ('test_1_2', 'test_1_2'),  # numbers of images, not of pixels
        ('lyon_20150704_20180101', 'lyon_20150704_20180101'),  # dates
    ],
)
def test_crops_are_told_by_their_names(name: str, source: str) -> None:
    assert source_namer()(name) == source


def test_a_pattern_of_the_user() -> None:
    name_source = source_namer(r'(tile\d+)-.*')
    assert [name_source(name) for name in ('tile7-a', 'tile7-b', 'other')] == [
        'tile7', 'tile7', 'other',
    ]  # fmt: skip
    with pytest.raises(ConfigError, match=r"'\(' is no regular expression"):
        source_namer('(')
    with pytest.raises(ConfigError, match=r"'tile.\*' has no group in parentheses"):
        source_namer('tile.*')


def test_the_hash_of_a_label_is_of_its_classes_and_its_size() -> None:
    label = np.array([[0, 1, 255], [1, 0, 0]])
    assert hash_label(label) == hash_label(label.astype(np.uint8))
    assert hash_label(label) == hash_label(np.asfortranarray(label))
    others = [label.reshape(3, 2), label.T, 1 - np.minimum(label, 1)]
    assert len({hash_label(each) for each in (label, *others)}) == 4


def test_hashes_of_lists_do_not_depend_on_the_order() -> None:
    one, two = (counted_image(n, np.eye(2), label=f'label/{n}.png') for n in ('a', 'b'))
    for hashed in (hash_labels, hash_file_list):
        assert hashed([one, two]) == hashed([two, one]) != hashed([one])


def test_files_of_one_name_in_several_folders_get_names_of_their_own() -> None:
    files = ['x/before.png', 'y/before.png']
    images = [counted_image('before', np.eye(2), before=file) for file in files]
    assert [i.name for i in with_unique_names(images)] == ['x/before', 'y/before']
    nameless = [counted_image('', np.eye(2))] * 2
    assert [i.name for i in with_unique_names(nameless)] == ['image_0', 'image_1']


def test_relative_names() -> None:
    assert relative_to('data/x', 'data/x/test/A/1.png') == 'test/A/1.png'
    assert relative_to('data/x', '/other/1.png') == '/other/1.png'
    assert relative_to('', '') == ''


def test_names_that_are_no_utf_8_are_hashed() -> None:
    """As Python reads those of old archives from the file system."""
    image = counted_image(
        'x', [[1, 0], [0, 1]], before=b'fa\xe7ade.png'.decode('utf-8', 'surrogateescape')
    )
    assert len(hash_file_list([image])) == 64
