"""Labels in every form that a file may have: read right, or refused; never read wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.data_tools.audit.inspection import PairTask, inspect_pair
from mmcd.data_tools.prepare.sources import Scene
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.label_file import decode_label, take_single_band
from mmcd.datasets.layout import PairLayout
from mmcd.datasets.pair_index import PairFiles
from mmcd.errors import LabelError, MMCDError
from mmcd.io.images import Window

ENCODING = LabelEncoding(unchanged=0, changed=255)
SIZE = 24, 32


def masks() -> dict[str, np.ndarray]:
    """0 and 1: nothing, something, all changed."""
    some = np.zeros(SIZE, np.uint8)
    some[5:12, 8:20] = 1
    return {'nothing': np.zeros(SIZE, np.uint8), 'some': some, 'all': np.ones(SIZE, np.uint8)}


def save(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def grey(mask: np.ndarray) -> Image.Image:
    return Image.fromarray(mask * np.uint8(255))


def stacked(*bands: np.ndarray, mode: str) -> Image.Image:
    return Image.merge(mode, [Image.fromarray(band) for band in bands])


def palette(mask: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(mask)
    image.putpalette([part for colour in colours for part in colour])
    return image


def only_in_alpha(mask: np.ndarray, mode: str) -> Image.Image:
    black = np.zeros(SIZE, np.uint8)
    return stacked(*[black] * (len(mode) - 1), mask * np.uint8(255), mode=mode)


def opaque(mask: np.ndarray, mode: str) -> Image.Image:
    value = mask * np.uint8(255)
    return stacked(*[value] * (len(mode) - 1), np.full(SIZE, 255, np.uint8), mode=mode)


def one_colour(mask: np.ndarray, band: int) -> Image.Image:
    bands = [np.zeros(SIZE, np.uint8)] * 3
    bands[band] = mask * np.uint8(255)
    return stacked(*bands, mode='RGB')


def two_colours(mask: np.ndarray) -> Image.Image:
    """Red for changed on green for unchanged."""
    return stacked(mask * np.uint8(255), (1 - mask) * np.uint8(255), mask * np.uint8(0), mode='RGB')


Maker = Callable[[np.ndarray], bytes]
# What is read right, whatever the mask.
RIGHT: dict[str, Maker] = {
    'grey PNG': lambda m: save(grey(m), 'PNG'),
    'grey TIFF': lambda m: save(grey(m), 'TIFF'),
    'deflated TIFF': lambda m: save(grey(m), 'TIFF', compression='tiff_deflate'),
    'grey BMP': lambda m: save(grey(m), 'BMP'),
    'grey GIF': lambda m: save(grey(m), 'GIF'),
    'one bit PNG': lambda m: save(grey(m).convert('1'), 'PNG'),
    'one bit TIFF': lambda m: save(grey(m).convert('1'), 'TIFF'),
    'RGB PNG': lambda m: save(grey(m).convert('RGB'), 'PNG'),
    'RGB TIFF': lambda m: save(grey(m).convert('RGB'), 'TIFF'),
    'opaque LA': lambda m: save(opaque(m, 'LA'), 'PNG'),
    'opaque LA TIFF': lambda m: save(opaque(m, 'LA'), 'TIFF'),
    'opaque RGBA': lambda m: save(opaque(m, 'RGBA'), 'PNG'),
    'unchanged is transparent': lambda m: save(
        stacked(*[m * np.uint8(255)] * 4, mode='RGBA'), 'PNG'
    ),
    'palette of greys by value': lambda m: save(
        palette(m * np.uint8(255), *((v, v, v) for v in range(256))), 'PNG'
    ),
    'palette of colours': lambda m: save(
        palette(m * np.uint8(255), (255, 255, 255), *[(250, 0, 0)] * 255), 'PNG'
    ),
}
# What says nothing certain: an error, or, where the mask leaves no doubt, the mask.
DOUBTFUL: dict[str, Maker] = {
    'CMYK JPEG': lambda m: save(grey(m).convert('RGB').convert('CMYK'), 'JPEG'),
    'CMYK TIFF': lambda m: save(grey(m).convert('RGB').convert('CMYK'), 'TIFF'),
    'Lab TIFF': lambda m: save(grey(m).convert('RGB').convert('YCbCr'), 'TIFF'),
    'alpha alone, LA': lambda m: save(only_in_alpha(m, 'LA'), 'PNG'),
    'alpha alone, RGBA': lambda m: save(only_in_alpha(m, 'RGBA'), 'PNG'),
    'index 0 is white': lambda m: save(palette(1 - m, (255,) * 3, (0,) * 3), 'PNG'),
    'index 0 is white, GIF': lambda m: save(palette(1 - m, (255,) * 3, (0,) * 3), 'GIF'),
    'indices in black and white': lambda m: save(palette(m, (0,) * 3, (255,) * 3), 'PNG'),
    'red on black': lambda m: save(one_colour(m, 0), 'PNG'),
    'blue on black': lambda m: save(one_colour(m, 2), 'PNG'),
    'red on green': lambda m: save(two_colours(m), 'PNG'),
    '16 bit PNG': lambda m: save(Image.fromarray(m.astype(np.uint16) * 65535), 'PNG'),
    '16 bit TIFF': lambda m: save(Image.fromarray(m.astype(np.uint16) * 65535), 'TIFF'),
    '32 bit TIFF': lambda m: save(Image.fromarray(m.astype(np.int32)), 'TIFF'),
    'float TIFF': lambda m: save(Image.fromarray(m.astype(np.float32)), 'TIFF'),
    'JPEG': lambda m: save(grey(m), 'JPEG'),
    'zero and one': lambda m: save(Image.fromarray(m), 'PNG'),
}
# These are no masks of which the "nothing changed" and "all changed" could be told apart: black
# pixels are 0 in either reading.
UNKNOWABLE = {
    ('alpha alone, LA', 'all'),
    ('alpha alone, RGBA', 'all'),
    ('indices in black and white', 'nothing'),
}


def read(content: bytes) -> np.ndarray:
    return ENCODING.decode(take_single_band(decode_label(content, 'label'), 'label'), 'label')


@pytest.mark.parametrize('mask', masks())
@pytest.mark.parametrize('kind', RIGHT)
def test_read_right(kind: str, mask: str) -> None:
    np.testing.assert_array_equal(read(RIGHT[kind](masks()[mask])), masks()[mask])


@pytest.mark.parametrize('mask', masks())
@pytest.mark.parametrize('kind', DOUBTFUL)
def test_never_read_wrong(kind: str, mask: str) -> None:
    try:
        found = read(DOUBTFUL[kind](masks()[mask]))
    except LabelError:
        assert kind not in ('red on black', 'blue on black') or mask == 'all'
        return
    if (kind, mask) not in UNKNOWABLE:
        np.testing.assert_array_equal(found, masks()[mask])


@pytest.mark.parametrize(
    ('kind', 'mask', 'message'),
    [
        ('CMYK JPEG', 'some', 'got a CMYK image. Convert it to one band'),
        ('alpha alone, LA', 'some', 'pixels of one value differ in alpha'),
        ('index 0 is white', 'some', r'palette shows the values 0 as 255, 1 as 0: it is not clear'),
        ('index 0 is white', 'all', 'palette shows the values 0 as 255'),
        ('red on green', 'nothing', 'all of it is of one colour'),
        ('red on green', 'some', 'expected one band, but got a coloured image'),
    ],
)
def test_why_not(kind: str, mask: str, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        read(DOUBTFUL[kind](masks()[mask]))


@pytest.mark.parametrize('kind', ['CMYK JPEG', 'alpha alone, LA', 'red on green'])
def test_the_audit_sees_them(tmp_path: Path, kind: str) -> None:
    paths = {}
    for date in ('before', 'after'):
        rng = np.random.default_rng(len(paths))
        paths[date] = tmp_path / f'{date}.png'
        Image.fromarray(rng.integers(0, 255, (*SIZE, 3), dtype=np.uint8)).save(paths[date])
    label = tmp_path / ('label.jpg' if 'JPEG' in kind else 'label.png')
    label.write_bytes(DOUBTFUL[kind](masks()['some']))
    files = PairFiles('one', paths['before'], paths['after'], label)
    findings = inspect_pair(PairTask('train', files, ENCODING)).findings
    assert [f.severity for f in findings if f.files == (str(label),)] == ['error']


@pytest.mark.parametrize('white_is_zero', [False, True])
@pytest.mark.parametrize('kind', [kind for kind in (*RIGHT, *DOUBTFUL) if 'TIFF' in kind])
def test_preparing_reads_as_training_does(tmp_path: Path, kind: str, white_is_zero: bool) -> None:
    """TIFF labels are cut window by window by another library."""
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    from mmcd.data_tools.prepare.cutting import CutJob, _open_label, _read_label

    if white_is_zero and kind not in ('grey TIFF', 'one bit TIFF'):
        return
    mask = masks()['some']
    path = tmp_path / 'label.tif'
    content = {**RIGHT, **DOUBTFUL}[kind](mask)
    if white_is_zero:
        image = grey(mask) if kind == 'grey TIFF' else grey(mask).convert('1')
        content = save(image, 'TIFF', tiffinfo={262: 0})
    path.write_bytes(content)
    scene = Scene('one', path, path, path, ('train',))
    job, window = CutJob(scene, (), tmp_path, PairLayout(), ENCODING), Window(0, 0, *SIZE)
    try:
        with _open_label(job) as label:
            found = _read_label(label.read(window), label, window, job)
    except MMCDError:
        assert kind not in RIGHT or white_is_zero
    else:
        np.testing.assert_array_equal(found, mask)
