from __future__ import annotations

import io
import os
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.data_tools.audit.inspection import PairTask, find_damage, inspect_pair
from mmcd.datasets import LabelEncoding, OSCDDataset
from mmcd.datasets.oscd import IMAGES, PREFIX
from mmcd.datasets.pair_index import PairFiles
from mmcd.io.images import read_image
from tests.tiff_files import write_tiff
from tests.tiny_scenes import write_tiny_oscd


def encoded(kind: str) -> bytes:
    image = np.random.RandomState(0).randint(0, 255, (40, 40, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF'])
def test_whole_files(kind):
    assert find_damage(encoded(kind)) is None


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
@pytest.mark.parametrize('kept', [0, 40, 400, -13, -5])
def test_cut_short(kind, kept):
    assert find_damage(encoded(kind)[:kept])


def test_a_wrong_byte_in_a_png():
    content = bytearray(encoded('PNG'))
    content[600] ^= 1
    assert 'checksum' in find_damage(bytes(content))


def test_a_jpeg_may_have_a_little_behind_its_end():
    assert find_damage(encoded('JPEG') + b'\0' * 16) is None


def inspect_city(root: Path, city: str = 'dubai', **encoding: int):
    dataset = OSCDDataset(data_root=str(root), split='test')
    files = {pair.name: pair for pair in dataset.find_pairs()}[city]
    encoded = LabelEncoding(**encoding or {'threshold': 127})
    return inspect_pair(PairTask('test', files, encoded, image=dataset.image))


def checks(record) -> set[str]:
    return {finding.check for finding in record.findings}


def test_folders_of_bands_are_read_and_their_change_is_counted(tmp_path):
    record = inspect_city(write_tiny_oscd(tmp_path))
    assert record.shape == (48, 60, 13)
    assert checks(record) == set()
    assert record.changed == 16 * 20


def test_grey_values_of_a_lossless_label_are_told(tmp_path):
    root = write_tiny_oscd(tmp_path)
    path = root / f'{PREFIX}Test Labels' / 'dubai' / 'cm' / 'cm.png'
    Image.fromarray(np.tile(np.arange(60, dtype=np.uint8) * 4, (48, 1))).save(path)
    (finding,) = inspect_city(root).findings
    assert (finding.check, finding.text) == ('grey labels', '60 grey values, cut at 127')


def test_labels_of_1_and_2_under_another_encoding_are_told_with_theirs(tmp_path):
    root = write_tiny_oscd(tmp_path)
    path = root / f'{PREFIX}Test Labels' / 'dubai' / 'cm' / 'cm.png'
    Image.fromarray((np.arange(48 * 60).reshape(48, 60) % 2 + 1).astype(np.uint8)).save(path)
    (finding,) = inspect_city(root, unchanged=0, changed=255).findings
    assert finding.check == 'label values'
    assert 'label_encoding=dict(unchanged=1, changed=2)' in finding.text


@pytest.mark.parametrize('date', ['1', '2'])
def test_the_offset_of_newer_sentinel2_products_is_told(tmp_path, date):
    root = write_tiny_oscd(tmp_path)
    folder = root / IMAGES / 'dubai' / f'imgs_{date}_rect'
    for path in folder.iterdir():
        write_tiff(path, read_image(path) + np.uint16(1000))
    (finding,) = inspect_city(root).findings
    assert finding.check == 'value offset'
    assert finding.files == (str(folder),)


@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='has no pipes')
def test_a_pipe_is_not_waited_for(tmp_path):
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / 'a.png')
    os.mkfifo(tmp_path / 'pipe.png')
    for roles in (('a', 'a', 'pipe'), ('pipe', 'a', 'a')):
        files = PairFiles('x', *(tmp_path / f'{name}.png' for name in roles))
        record = inspect_pair(PairTask('all', files, LabelEncoding(unchanged=0, changed=255)))
        found = [(each.check, each.files) for each in record.findings]
        assert ('unreadable', (str(tmp_path / 'pipe.png'),)) in found


@pytest.mark.parametrize('chunk', [b'pHYs', b'gAMA', b'IDAT'])
def test_a_png_whose_chunks_are_wrong_is_a_finding(chunk):
    file = io.BytesIO()
    Image.new('L', (4, 4)).save(file, 'PNG')
    content = file.getvalue()
    if chunk == b'IDAT':  # without any
        begin = content.index(b'IDAT') - 4
        content = content[:begin] + content[content.index(b'IEND') - 4 :]
    else:  # of one byte, where more are needed
        short = chunk + b'\0'
        place = content.index(b'IDAT') - 4
        crc = zlib.crc32(short).to_bytes(4, 'big')
        content = content[:place] + (1).to_bytes(4, 'big') + short + crc + content[place:]
    assert find_damage(content)
