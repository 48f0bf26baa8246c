from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.errors import ImagePairError, StackError
from mmcd.io import images as image_files
from mmcd.io.images import Window, decode_image, open_image, read_header, read_image
from tests.tiff_files import write_tiff


def random_image(bands: int, dtype: str) -> np.ndarray:
    high = np.iinfo(dtype).max
    return np.random.RandomState(0).randint(0, high, (20, 30, bands)).astype(dtype)


def write_png(path, image):
    stored = image[..., ::-1] if image.shape[2] == 3 else image
    cv2.imwrite(str(path), stored)


@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
@pytest.mark.parametrize(('suffix', 'bands'), [('.png', 1), ('.png', 3), ('.tif', 1), ('.tif', 3),
                                               ('.tif', 4), ('.tif', 13)])  # fmt: skip
def test_bands_come_as_they_are(tmp_path, suffix, bands, dtype):
    image, path = random_image(bands, dtype), tmp_path / f'image{suffix}'
    (write_png if suffix == '.png' else write_tiff)(path, image)
    assert read_image(path).dtype == dtype
    assert (read_image(path) == image).all()
    header = read_header(path)
    assert (header.height, header.width, header.bands, header.dtype) == (20, 30, bands, dtype)
    with open_image(path) as opened:
        assert (opened.read(Window(3, 4, 5, 6)) == image[3:8, 4:10]).all()


def test_alpha_is_left_off(tmp_path):
    image = random_image(4, 'uint8')
    Image.fromarray(image, 'RGBA').save(tmp_path / 'image.png')
    assert (read_image(tmp_path / 'image.png') == image[..., :3]).all()
    assert read_header(tmp_path / 'image.png').bands == 3


def test_bilevel_tiff_is_a_mask(tmp_path):
    mask = random_image(1, 'uint8')[..., 0] > 100
    Image.fromarray(mask).save(tmp_path / 'mask.tif')
    read = read_image(tmp_path / 'mask.tif')
    assert read.dtype == bool and (read[..., 0] == mask).all()


def test_what_is_no_image(tmp_path):
    for name in ('image.png', 'image.tif'):
        (tmp_path / name).write_bytes(b'nothing')
        with pytest.raises((ImagePairError, StackError), match=name):
            read_image(tmp_path / name)
        with pytest.raises((ImagePairError, StackError), match=name):
            read_header(tmp_path / name)
    with pytest.raises(ImagePairError, match='Is the file whole'):
        decode_image(b'', tmp_path)


def test_without_rasterio(tmp_path, monkeypatch):
    """Pillow reads what it can read right, and the error for the rest names the extra."""
    image = random_image(3, 'uint8')
    Image.fromarray(image).save(tmp_path / 'plain.tif')
    write_tiff(tmp_path / 'deep.tif', random_image(3, 'uint16'))
    monkeypatch.setattr(image_files, '_find_rasterio', lambda: None)
    assert (read_image(tmp_path / 'plain.tif') == image).all()
    with pytest.raises(StackError, match=r'\[geo\]'):
        read_image(tmp_path / 'deep.tif')


def test_truncated_tiff(tmp_path):
    file = io.BytesIO()
    Image.fromarray(random_image(3, 'uint8')).save(file, 'TIFF')
    (tmp_path / 'cut.tif').write_bytes(file.getvalue()[:900])
    with pytest.raises((ImagePairError, StackError), match=r'cut\.tif'):
        read_image(tmp_path / 'cut.tif')


def test_window_within():
    assert Window(10, 20, 16, 16).within(20, 100) == Window(10, 20, 10, 16)
