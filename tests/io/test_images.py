from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.errors import ImagePairError, StackError
from mmcd.io import images as image_files
from mmcd.io.images import (
    Window,
    decode_image,
    from_bgr,
    open_image,
    read_header,
    read_image,
    read_pair_image,
    to_bgr,
)
from mmcd.structures import RGB_8BIT, ImageSpec
from tests.tiff_files import write_indices, write_tiff


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


def test_more_pixels_than_opencv_takes(tmp_path):
    """A header of some bytes that promises them."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', checksum)

    header = struct.pack('>IIBBBBB', 60_000, 60_000, 8, 0, 0, 0, 0)
    parts = (b'IHDR', header), (b'IDAT', zlib.compress(bytes(99))), (b'IEND', b'')
    content = b'\x89PNG\r\n\x1a\n' + b''.join(chunk(*part) for part in parts)
    (tmp_path / 'vast.png').write_bytes(content)
    with pytest.raises(ImagePairError, match=r'Cannot decode the image .*vast\.png'):
        read_image(tmp_path / 'vast.png')


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


RGB_IMAGE = random_image(3, 'uint8')
GREY_IMAGE = RGB_IMAGE[..., 0]
PALETTE_IMAGE = Image.fromarray(RGB_IMAGE).convert('P')
NIR = ('red', 'green', 'blue', 'nir')


@pytest.mark.parametrize(
    ('image', 'name'),
    [
        (Image.fromarray(RGB_IMAGE), 'rgb.png'),
        (Image.fromarray(RGB_IMAGE), 'rgb.jpg'),
        (Image.fromarray(RGB_IMAGE), 'rgb.bmp'),
        (Image.fromarray(GREY_IMAGE), 'grey.png'),
        (Image.fromarray(GREY_IMAGE), 'grey.jpg'),
        (Image.fromarray(GREY_IMAGE > 99), 'bilevel.png'),
        (Image.fromarray(random_image(4, 'uint8'), 'RGBA'), 'alpha.png'),
        (Image.fromarray(random_image(2, 'uint8'), 'LA'), 'grey_alpha.png'),
        (PALETTE_IMAGE, 'palette.png'),
        (Image.fromarray(random_image(4, 'uint8'), 'CMYK'), 'cmyk.jpg'),
    ],
)
def test_8_bit_rgb_is_what_opencv_reads(tmp_path, image, name):
    path = tmp_path / name
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.save(path, **(dict(exif=exif) if path.suffix == '.jpg' else {}))
    expected = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    read = read_pair_image(path, RGB_8BIT)
    assert read.dtype == np.uint8 and read.flags.c_contiguous
    assert (read == expected[..., ::-1]).all()


@pytest.mark.parametrize(
    ('bands', 'dtype', 'spec'),
    [
        (3, 'uint8', {}),
        (3, 'uint16', dict(dtype='uint16')),
        (1, 'uint8', dict(bands=['grey'])),
        (1, 'uint16', dict(bands=['radar'], dtype='uint16')),
        (3, 'uint8', dict(bands=['nir', 'red', 'green'])),
        (3, 'uint8', dict(bands=['blue', 'red'], file_bands=[3, 1])),
        (1, 'uint8', dict(file_bands=[1, 1, 1])),
        (4, 'uint8', dict(bands=NIR)),
        (4, 'uint16', dict(bands=NIR, dtype='uint16')),
        (4, 'int16', dict(bands=NIR, dtype='int16')),
        (4, 'float32', dict(bands=NIR, dtype='float32')),
        (13, 'uint16', dict(bands=['b8', 'b2'], dtype='uint16', file_bands=[8, 2])),
    ],
)
def test_bands_and_type_of_the_description(tmp_path, bands, dtype, spec):
    image = random_image(bands, 'uint8').astype(dtype) * (1 if dtype == 'uint8' else 100)
    spec = ImageSpec.from_config(spec)
    expected = image if spec.file_bands is None else image[..., np.array(spec.file_bands) - 1]
    write_tiff(tmp_path / 'image.tif', image)
    if bands <= 3 and dtype.startswith('uint'):  # all that PNG holds
        write_png(tmp_path / 'image.png', image)
    for path in tmp_path.iterdir():
        read = read_pair_image(path, spec)
        assert read.dtype == dtype
        assert (read == expected).all()


def test_values_that_are_not_numbers_pass(tmp_path):
    image = random_image(2, 'uint8').astype(np.float32)
    image[3, 4, 1] = np.nan
    write_tiff(tmp_path / 'image.tif', image)
    spec = ImageSpec(bands=('vv', 'vh'), dtype='float32')
    np.testing.assert_array_equal(read_pair_image(tmp_path / 'image.tif', spec), image)


@pytest.mark.parametrize(
    ('bands', 'dtype', 'spec', 'message'),
    [
        (3, 'uint16', {}, r"has 3 bands of uint16, but .* takes 3 bands \(red.* dtype='uint16'"),
        (3, 'uint8', dict(dtype='uint16'), '.* takes .* of uint16. Files are never rescaled'),
        (4, 'uint16', dict(dtype='uint16'), r'has 4 bands .* takes 3 bands.*bands=\[\.\.\.\]'),
        (3, 'uint8', dict(bands=NIR), r'has 3 bands .* takes 4 bands.*file_bands'),
        (1, 'uint8', {}, 'has 1 band of uint8, but the model takes 3 bands'),
        (2, 'uint8', dict(file_bands=[1, 2, 3]), r'.* takes .*file_bands=\[1, 2, 3\] names others'),
    ],
)
def test_what_does_not_fit_the_description(tmp_path, bands, dtype, spec, message):
    path = tmp_path / 'image.tif'
    write_tiff(path, random_image(bands, dtype))
    with pytest.raises(ImagePairError, match=rf'image\.tif {message}'):
        read_pair_image(path, ImageSpec.from_config(spec))


def test_16_bit_png_is_no_8_bit_image(tmp_path):
    for bands in (1, 3):
        write_png(tmp_path / 'image.png', random_image(bands, 'uint16'))
        with pytest.raises(ImagePairError, match=r'image\.png has . bands? of uint16, .* takes '):
            read_pair_image(tmp_path / 'image.png', RGB_8BIT)


def write_marked(path, image, *colours):
    from rasterio.enums import ColorInterp

    write_tiff(path, image)
    with image_files._find_rasterio().open(path, 'r+') as file:
        file.colorinterp = [ColorInterp[colour] for colour in colours]


def test_an_alpha_band_of_a_tiff_does_not_count(tmp_path):
    image, path = random_image(4, 'uint8'), tmp_path / 'image.tif'
    write_marked(path, image, 'red', 'green', 'blue', 'alpha')
    assert (read_pair_image(path, RGB_8BIT) == image[..., :3]).all()
    # GDAL marks near infrared as alpha, too, if it is not told what it is.
    assert (read_pair_image(path, ImageSpec(bands=NIR)) == image).all()
    with pytest.raises(ImagePairError, match='4 bands of uint8, the last of them alpha, but'):
        read_pair_image(path, ImageSpec(bands=('grey',)))


def test_the_order_that_a_tiff_states_is_compared(tmp_path):
    image, path = random_image(4, 'uint16'), tmp_path / 'image.tif'
    write_marked(path, image, 'blue', 'green', 'red', 'undefined')
    spec = ImageSpec(bands=NIR, dtype='uint16')
    with pytest.raises(ImagePairError, match=r'red is band 3, .* takes .*file_bands'):
        read_pair_image(path, spec)
    for right in (dict(bands=NIR, file_bands=(3, 2, 1, 4)), dict(bands=(*NIR[2::-1], 'nir'))):
        assert read_pair_image(path, ImageSpec(dtype='uint16', **right)).shape == (20, 30, 4)


def test_a_pair_image_without_rasterio(tmp_path, monkeypatch):
    image = random_image(3, 'uint8')
    Image.fromarray(image).save(tmp_path / 'rgb.tif')
    Image.fromarray(random_image(4, 'uint8'), 'RGBA').save(tmp_path / 'alpha.tif')
    monkeypatch.setattr(image_files, '_find_rasterio', lambda: None)
    assert (read_pair_image(tmp_path / 'rgb.tif', RGB_8BIT) == image).all()
    assert read_pair_image(tmp_path / 'alpha.tif', RGB_8BIT).shape == (20, 30, 3)


@pytest.mark.parametrize('name', ['image.png', 'image.tif'])
def test_files_that_are_gone_or_no_images(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=name):
        read_pair_image(tmp_path / name, RGB_8BIT)
    (tmp_path / name).write_bytes(b'<html>')
    with pytest.raises(ImagePairError, match=r'(Cannot read|Cannot decode) the image'):
        read_pair_image(tmp_path / name, RGB_8BIT)


@pytest.mark.parametrize('bands', [1, 3, 4])
def test_bgr_turns_three_bands_only_and_back(bands):
    image = random_image(bands, 'uint8')
    turned = to_bgr(image)
    assert (turned == (image[..., ::-1] if bands == 3 else image)).all()
    assert (from_bgr(turned) == image).all()


def test_whole_scenes_are_no_attack(tmp_path):
    """Of 400 million pixels, which Pillow by itself refuses."""
    path = tmp_path / 'label.png'
    Image.new('1', (20_000, 20_000)).save(path)
    header = read_header(path)
    assert (header.height, header.width) == (20_000, 20_000)


@pytest.mark.parametrize('has_rasterio', [True, False])
def test_greys_in_the_order_of_their_indices_are_values(tmp_path, monkeypatch, has_rasterio):
    """As scanners write aerial photographs."""
    if not has_rasterio:
        monkeypatch.setattr(image_files, '_find_rasterio', lambda: None)
    pixels = random_image(1, 'uint8')
    image = Image.fromarray(pixels[..., 0])
    image.putpalette(np.repeat(np.arange(256), 3).tolist())
    image.save(tmp_path / 'photo.tif')
    assert (read_pair_image(tmp_path / 'photo.tif', ImageSpec(bands=('grey',))) == pixels).all()


@pytest.mark.parametrize('has_rasterio', [True, False])
def test_indices_of_a_palette_are_no_values(tmp_path, monkeypatch, has_rasterio):
    if not has_rasterio:
        monkeypatch.setattr(image_files, '_find_rasterio', lambda: None)
    path = write_indices(tmp_path / 'colours.tif')
    for spec in (RGB_8BIT, ImageSpec(bands=('grey',))):
        with pytest.raises(ImagePairError, match=r'colours\.tif holds indices .* -expand rgb'):
            read_pair_image(path, spec)
