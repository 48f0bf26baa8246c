from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from mmcd.datasets import pair_index
from mmcd.datasets.pair_index import PairFolder, index_pairs, read_list_file
from mmcd.errors import DatasetError, DatasetNotFoundError

ROLES = {'before': 'A', 'after': 'B', 'label': 'label'}


def touch(root: Path, folder: str, *names: str) -> None:
    (root / folder).mkdir(exist_ok=True)
    for name in names:
        (root / folder / name).touch()


def folders(root: Path, images: str = '.png', labels: str = '.png') -> list[PairFolder]:
    suffixes = {'before': images, 'after': images, 'label': labels}
    return [PairFolder(role, root / name, (suffixes[role],)) for role, name in ROLES.items()]


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    for folder in ROLES.values():
        touch(tmp_path, folder, 'b.png', 'a.png', 'c.png')
    return tmp_path


def test_pairs_come_in_order_of_names_with_their_files(whole):
    pairs = index_pairs(folders(whole))
    assert [pair.name for pair in pairs] == ['a', 'b', 'c']
    assert pairs[1].before == whole / 'A' / 'b.png'
    assert pairs[1].after == whole / 'B' / 'b.png'
    assert pairs[1].label == whole / 'label' / 'b.png'


def test_endings_may_differ_between_images_and_labels_and_in_case(tmp_path):
    touch(tmp_path, 'A', 'x.1.JPG')
    touch(tmp_path, 'B', 'x.1.jpg')
    touch(tmp_path, 'label', 'x.1.tif')
    (pair,) = index_pairs(folders(tmp_path, '.jpg', '.tif'))
    assert pair.name == 'x.1'
    assert (pair.before.name, pair.label.name) == ('x.1.JPG', 'x.1.tif')


def test_other_and_hidden_files_do_not_count(whole):
    touch(whole, 'A', 'Thumbs.db', '.DS_Store', '._a.png', 'readme.txt')
    assert len(index_pairs(folders(whole))) == 3


@pytest.mark.parametrize('role', ROLES)
def test_a_missing_file_is_named(whole, role):
    path = whole / ROLES[role] / 'b.png'
    path.unlink()
    with pytest.raises(DatasetNotFoundError) as caught:
        index_pairs(folders(whole))
    text = str(caught.value)
    assert text.startswith('1 file(s) of 3 pairs are missing:\n')
    assert f'  {role}: {path}\n' in text
    assert 'left over' not in text
    assert 'Restore or remove files' in text


def test_a_missing_file_is_also_a_file_not_found_error(whole):
    (whole / 'B' / 'a.png').unlink()
    with pytest.raises(FileNotFoundError):
        index_pairs(folders(whole))


def test_all_missing_files_are_named_at_once(whole):
    for path in (whole / 'B' / 'a.png', whole / 'label' / 'a.png', whole / 'label' / 'c.png'):
        path.unlink()
    with pytest.raises(DatasetNotFoundError, match='3 file') as caught:
        index_pairs(folders(whole))
    named = [line for line in str(caught.value).splitlines() if line.startswith('  ')]
    assert named == [
        f'  after: {whole / "B" / "a.png"}',
        f'  label: {whole / "label" / "a.png"}',
        f'  label: {whole / "label" / "c.png"}',
    ]


@pytest.mark.parametrize(('missing', 'more'), [(20, None), (21, 1), (57, 37)])
def test_at_most_twenty_are_named(tmp_path, missing, more):
    names = [f'{i:02}.png' for i in range(60)]
    for folder in ROLES.values():
        touch(tmp_path, folder, *names)
    for name in names[:missing]:
        (tmp_path / 'B' / name).unlink()
    with pytest.raises(DatasetNotFoundError, match=f'{missing} file') as caught:
        index_pairs(folders(tmp_path))
    lines = str(caught.value).splitlines()
    assert sum(line.startswith('  after: ') for line in lines) == 20
    assert (f'  ... and {more} more' in lines) is (more is not None)


@pytest.mark.parametrize('role', ['after', 'label'])
def test_a_left_over_file_is_named(whole, role):
    touch(whole, ROLES[role], 'z.png')
    with pytest.raises(DatasetError, match=r'1 file.* left over, without images') as caught:
        index_pairs(folders(whole))
    assert f'  {role}: {whole / ROLES[role] / "z.png"}' in str(caught.value)
    assert not isinstance(caught.value, DatasetNotFoundError)


def test_missing_and_left_over_are_said_together(whole):
    (whole / 'B' / 'a.png').unlink()
    touch(whole, 'label', 'z.png')
    with pytest.raises(DatasetNotFoundError, match=r'1 file.* of 3 pairs are missing(?s:.)*left o'):
        index_pairs(folders(whole))


def test_after_and_label_without_before_is_a_missing_file(whole):
    (whole / 'A' / 'a.png').unlink()
    with pytest.raises(DatasetNotFoundError, match=r'before: .*a\.png'):
        index_pairs(folders(whole))


def test_two_files_of_one_name(tmp_path):
    for folder in ROLES.values():
        touch(tmp_path, folder, 'a.png')
    touch(tmp_path, 'A', 'a.jpg')
    both = [PairFolder(r, tmp_path / n, ('.png', '.jpg')) for r, n in ROLES.items()]
    with pytest.raises(DatasetError, match=r'which one is meant\?\n  a\.\w+ and a\.\w+'):
        index_pairs(both)


@pytest.mark.parametrize('role', ROLES)
def test_absent_folder_says_what_was_expected(whole, role):
    for path in (whole / ROLES[role]).iterdir():
        path.unlink()
    (whole / ROLES[role]).rmdir()
    expected = rf'No such folder: .*{ROLES[role]} \(the {role} images\)\.\nTHE TREE'
    with pytest.raises(DatasetNotFoundError, match=expected):
        index_pairs(folders(whole), layout='THE TREE')


def test_empty_folder_says_what_was_expected(whole):
    other = folders(whole, labels='.tif')
    expected = r'No \.tif file in .*label \(the label images\)\.\nTHE TREE'
    with pytest.raises(DatasetNotFoundError, match=expected):
        index_pairs(other, layout='THE TREE')


def test_listed_names_choose_and_order_with_or_without_ending(whole):
    pairs = index_pairs(folders(whole), ['c.png', 'a'])
    assert [pair.name for pair in pairs] == ['c', 'a']


def test_listed_names_keep_dots_that_are_no_endings(tmp_path):
    for folder in ROLES.values():
        touch(tmp_path, folder, 'tile.v2.png')
    assert index_pairs(folders(tmp_path), ['tile.v2'])[0].name == 'tile.v2'
    assert index_pairs(folders(tmp_path), ['tile.v2.png'])[0].name == 'tile.v2'


def test_what_is_not_listed_may_be_broken(whole):
    (whole / 'B' / 'b.png').unlink()
    touch(whole, 'label', 'z.png')
    assert len(index_pairs(folders(whole), ['a', 'c'])) == 2


def test_a_listed_pair_that_is_not_there(whole):
    with pytest.raises(DatasetNotFoundError, match=r'3 file.* of 2 pairs are missing') as caught:
        index_pairs(folders(whole), ['a', 'nowhere.png'])
    assert f'  before: {whole / "A" / "nowhere"}.png' in str(caught.value)


def test_many_left_over_files_take_no_time(tmp_path):
    """The check is linear: 20,000 files that lost their pair are told in a moment."""
    found = {f'{i}': Path(f'{i}.png') for i in range(20_000)}
    touch(tmp_path, 'A', 'a.png')
    touch(tmp_path, 'B', 'a.png')
    touch(tmp_path, 'label', 'a.png')
    start = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            pair_index,
            '_list_folder',
            lambda folder, layout: dict(found) if folder.role == 'after' else {'x': Path('x.png')},
        )
        with pytest.raises(DatasetError):
            index_pairs(folders(tmp_path))
    assert time.perf_counter() - start < 5


def test_list_file(tmp_path):
    path = tmp_path / 'train.txt'
    path.write_text('# the split\n a.png \n\nb.png # a remark\n', encoding='utf-8')
    assert read_list_file(path) == ['a.png', 'b.png']


def test_list_file_of_a_windows_editor(tmp_path):
    path = tmp_path / 'train.txt'
    path.write_bytes('﻿a.png\r\nstraße.png\r\n'.encode())
    assert read_list_file(path) == ['a.png', 'straße.png']


def test_list_file_errors(tmp_path):
    path = tmp_path / 'train.txt'
    with pytest.raises(DatasetNotFoundError, match=r'No such list file: .*train\.txt.* one pair a'):
        read_list_file(path)
    path.write_text('# nothing\n')
    with pytest.raises(DatasetError, match=r'train\.txt names no pair'):
        read_list_file(path)
    path.write_text('a\nb\na\n')
    with pytest.raises(DatasetError, match=r'names pairs twice:\n  a$'):
        read_list_file(path)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
@pytest.mark.parametrize('kind', ['loop', 'nowhere', 'pipe', 'folder'])
def test_what_is_no_file_counts_as_missing(whole, kind):
    path = whole / 'B' / 'b.png'
    path.unlink()
    if kind == 'pipe':
        os.mkfifo(path)
    elif kind == 'folder':
        path.mkdir()
    else:
        path.symlink_to(path if kind == 'loop' else whole / 'nowhere')
    with pytest.raises(
        DatasetNotFoundError, match=r'1 file\(s\) of 3 pairs are missing:\n.*b\.png'
    ):
        index_pairs(folders(whole))


def test_a_pair_that_is_listed_with_its_ending_and_without(whole):
    with pytest.raises(
        DatasetError, match=r'Pairs are listed twice, with different endings.*\n  a$'
    ):
        index_pairs(folders(whole), ['b', 'a', 'a.png'])


def test_a_list_file_that_is_no_text(tmp_path):
    (tmp_path / 'list.txt').write_bytes(b'\xff\xfe\0a')
    with pytest.raises(DatasetError, match=r'list\.txt is no text in UTF-8: .*one pair a line'):
        read_list_file(tmp_path / 'list.txt')
