from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mmcd.data_tools.audit.inspection import find_damage


def encoded(kind: str) -> bytes:
    image = np.random.RandomState(0).randint(0, 255, (40, 40, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize('kind', ['PNG', 'JPEG', 'TIFF'])
def test_whole_files(kind):
    assert find_damage(encoded(kind)) is None


@pytest.mark.parametrize('kind', ['PNG', 'JPEG'])
@pytest.mark.parametrize('kept', [0, 40, 400, -13, -2, -1])
def test_cut_short(kind, kept):
    assert find_damage(encoded(kind)[:kept])


def test_a_wrong_byte_in_a_png():
    content = bytearray(encoded('PNG'))
    content[600] ^= 1
    assert 'checksum' in find_damage(bytes(content))


def test_a_jpeg_may_have_a_little_behind_its_end():
    assert find_damage(encoded('JPEG') + b'\0' * 16) is None
