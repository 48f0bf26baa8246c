"""Images, labels and rasters of which a part is there: an error, never a picture filled up."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.datasets.label_file import decode_label, take_single_band
from mmcd.errors import ImagePairError, LabelError, MMCDError
from mmcd.io.image_encoding import read_notes
from mmcd.io.images import missing_end, read_image
from tests.scene.rasters import draw_ground, utm

SIZE = 64, 80
KINDS = ('png', 'palette.png', 'png16', 'jpg', 'tif', 'deflate.tif', 'bmp')
PARTS = range(16)


def whole(kind: str) -> bytes:
    """An image file; noise, so that each part of it matters."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    options: dict = {}
    if kind == 'palette.png':
        image = image.convert('P')
    elif kind == 'png16':
        image = Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    elif kind == 'deflate.tif':
        options = dict(compression='tiff_deflate')
    file = io.BytesIO()
    form = dict(png='PNG', png16='PNG', jpg='JPEG', tif='TIFF', bmp='BMP')[kind.split('.')[-1]]
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize('part', PARTS)
@pytest.mark.parametrize('kind', KINDS)
def test_labels(kind: str, part: int) -> None:
    content = whole(kind)
    cut = content[: len(content) * part // 16]
    with pytest.raises(LabelError):
        take_single_band(decode_label(cut, 'label'), 'label')


@pytest.mark.parametrize('part', PARTS)
@pytest.mark.parametrize('kind', ['tif', 'deflate.tif'])
def test_images(tmp_path: Path, kind: str, part: int) -> None:
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    content = whole(kind)
    (tmp_path / 'a.tif').write_bytes(content[: len(content) * part // 16])
    with pytest.raises(MMCDError):
        read_image(tmp_path / 'a.tif')


@pytest.mark.parametrize('fills_up', [False, True])
@pytest.mark.parametrize('part', PARTS)
@pytest.mark.parametrize('kind', ['png', 'palette.png', 'png16', 'jpg'])
def test_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, part: int, fills_up: bool
) -> None:
    """OpenCV 4 fills up what a PNG or JPEG lacks, as the stand-in does; OpenCV 5 refuses it."""
    content = whole(kind)
    path = tmp_path / f'a.{kind.split(".")[-1][:3]}'
    path.write_bytes(content[: len(content) * part // 16])
    if fills_up and part:  # a file of some bytes is known by its first ones
        monkeypatch.setattr(cv2, 'imdecode', lambda *given: np.zeros((*SIZE, 3), np.uint8))
    with pytest.raises(ImagePairError, match=r'Cannot (decode|read) the image .*a\.'):
        read_image(path)


def test_a_preview_has_an_end_of_its_own(tmp_path: Path) -> None:
    """In the header of a JPEG; and a few bytes may follow an image's own end."""
    preview = whole('jpg')
    file = io.BytesIO()
    Image.open(io.BytesIO(preview)).save(file, 'JPEG', comment=preview[:30_000])
    content = file.getvalue()
    assert missing_end(content) is None
    assert missing_end(content + bytes(10)) is None
    assert missing_end(content + bytes(10_000)) is None
    assert missing_end(content[:-2]) is not None
    assert missing_end(whole('png') + bytes(10_000)) is None


@pytest.mark.parametrize('part', PARTS)
def test_scenes(tmp_path: Path, part: int) -> None:
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    from tests.scene.mapping import map_small
    from tests.scene.rasters import first_band, write_raster

    path = write_raster(tmp_path / 'a.tif', draw_ground(*SIZE), utm())
    other = write_raster(tmp_path / 'b.tif', draw_ground(*SIZE, 1), utm())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * part // 16])
    with pytest.raises(MMCDError):
        map_small(first_band, path, other, tmp_path / 'map.tif')
    assert not (tmp_path / 'map.tif').exists()


@pytest.mark.parametrize('part', PARTS)
def test_notes_of_prepared_labels(tmp_path: Path, part: int) -> None:
    content = whole('png')
    (tmp_path / 'a.png').write_bytes(content[: len(content) * part // 16])
    with pytest.raises(MMCDError):
        read_notes(tmp_path / 'a.png')
