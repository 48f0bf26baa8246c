from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.datasets import CDDDataset, LabelEncoding, LoadChangeLabel, LoadImagePair
from mmcd.errors import ImagePairError, LabelError
from mmcd.io.images import Window
from mmcd.structures import ImageSpec
from tests.golden import SHARED, needs_samples
from tests.tiff_files import write_tiff

COLOURS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [10, 20, 30]]], np.uint8)  # RGB


def save(path: Path, image: np.ndarray | Image.Image, **options) -> str:
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    image.save(path, **options)
    return str(path)


def read_pair(before: str, after: str, **image) -> dict:
    spec = ImageSpec.from_config(image)
    return LoadImagePair()(dict(before_path=before, after_path=after, image_spec=spec))


def read_label(path: str, encoding: dict | None = None, **results) -> np.ndarray:
    encoding = LabelEncoding.from_config(encoding or dict(unchanged=0, changed=255))
    results = dict(seg_map_path=path, label_encoding=encoding, seg_fields=[], **results)
    results = LoadChangeLabel()(results)
    assert results['seg_fields'] == ['gt_seg_map']
    return results['gt_seg_map']


class TestLoadImagePair:
    def test_bands_are_rgb_and_dates_in_place(self, tmp_path):
        before = save(tmp_path / 'a.png', COLOURS)
        after = save(tmp_path / 'b.png', COLOURS[::-1])
        results = read_pair(before, after)
        assert (results['before'] == COLOURS).all()
        assert (results['after'] == COLOURS[::-1]).all()

    def test_grey_files_become_three_bands(self, tmp_path):
        path = save(tmp_path / 'a.png', COLOURS[..., 0])
        assert read_pair(path, path)['before'].shape == (2, 2, 3)

    def test_other_bands(self, tmp_path):
        grey = save(tmp_path / 'grey.png', COLOURS[..., 0])
        assert read_pair(grey, grey, bands=['grey'])['before'].shape == (2, 2, 1)
        picked = save(tmp_path / 'rgb.png', COLOURS)
        turned = read_pair(picked, picked, bands=['blue', 'red'], file_bands=[3, 1])['before']
        assert (turned == COLOURS[..., [2, 0]]).all()

    def test_16_bit_is_read_whole_and_only_where_it_is_stated(self, tmp_path):
        image = np.array([[[1000, 2, 3, 40_000]]], np.uint16)
        path = write_tiff(tmp_path / 'a.tif', image)
        bands = ['red', 'green', 'blue', 'nir']
        read = read_pair(str(path), str(path), bands=bands, dtype='uint16')['before']
        assert read.dtype == np.float32 and read.tolist() == image.tolist()
        for wrong in (dict(bands=bands), dict(dtype='uint16'), dict()):
            with pytest.raises(ImagePairError, match=r'a\.tif.* takes '):
                read_pair(str(path), str(path), **wrong)

    def test_orientation_tag_is_left_aside(self, tmp_path):
        """Labels have no tag: a turned image would no longer lie under its label."""
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees
        path = save(tmp_path / 'a.jpg', np.zeros((4, 8, 3), np.uint8), exif=exif)
        assert cv2.imread(path).shape == (8, 4, 3)  # a reader that minds the tag
        assert read_pair(path, path)['before'].shape == (4, 8, 3)

    def test_arrays_are_taken_as_they_are(self):
        array = np.zeros((5, 6, 13), np.uint8)
        results = LoadImagePair()(
            dict(before=array, after=array, before_path='<array>', after_path='<array>')
        )
        assert results['before'] is array

    def test_different_sizes_are_refused(self, tmp_path):
        before = save(tmp_path / 'a.png', np.zeros((4, 8, 3), np.uint8))
        after = save(tmp_path / 'b.png', np.zeros((8, 4, 3), np.uint8))
        expected = r'differ in shape.*a\.png has \(4, 8, 3\), .*b\.png has \(8, 4, 3\)'
        with pytest.raises(ImagePairError, match=expected):
            read_pair(before, after)

    def test_a_file_that_is_no_image(self, tmp_path):
        good = save(tmp_path / 'a.png', COLOURS)
        (tmp_path / 'b.png').write_bytes(b'<html>')
        with pytest.raises(ImagePairError, match=r'(Cannot read|Cannot decode) the image .*b\.png'):
            read_pair(good, str(tmp_path / 'b.png'))

    def test_a_file_that_has_gone(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='gone'):
            read_pair(str(tmp_path / 'gone.png'), str(tmp_path / 'gone.png'))


class TestLoadChangeLabel:
    @pytest.mark.parametrize('suffix', ['.png', '.tif', '.bmp'])
    def test_exact_values(self, tmp_path, suffix):
        path = save(tmp_path / f'a{suffix}', np.array([[0, 255]], np.uint8))
        assert read_label(path).tolist() == [[0, 1]]

    def test_zero_one(self, tmp_path):
        path = save(tmp_path / 'a.png', np.array([[0, 1]], np.uint8))
        assert read_label(path, dict(unchanged=0, changed=1)).tolist() == [[0, 1]]
        with pytest.raises(LabelError, match=r'a\.png: expected the values.*looks like 0/1'):
            read_label(path)

    def test_unexpected_value_names_file_and_values(self, tmp_path):
        path = save(tmp_path / 'a.png', np.array([[0, 255, 254]], np.uint8))
        with pytest.raises(LabelError, match=r'a\.png: .*found 0 \(1 p.*254 \(1 p.*255 \(1 pixels'):
            read_label(path)

    def test_jpeg_label_by_threshold(self, tmp_path):
        label = np.zeros((32, 32), np.uint8)
        label[8:21, 5:27] = 255
        path = save(tmp_path / 'a.jpg', label, quality=40)
        assert len(np.unique(np.asarray(Image.open(path)))) > 2
        assert (read_label(path, dict(threshold=127)) == (label == 255)).all()
        with pytest.raises(LabelError, match=r'lossy compression|Mend the file'):
            read_label(path)

    def test_colour_jpeg_of_a_grey_label(self, tmp_path):
        """CDD's labels are grey; a re-encoded copy may have three equal bands."""
        label = np.zeros((32, 32), np.uint8)
        label[8:21, 5:27] = 255
        path = save(tmp_path / 'a.png', np.dstack([label] * 3))
        assert (read_label(path) == (label == 255)).all()

    def test_alpha_is_left_aside(self, tmp_path):
        rgba = np.array([[[0, 0, 0, 255], [255, 255, 255, 255]]], np.uint8)
        assert read_label(save(tmp_path / 'a.png', rgba)).tolist() == [[0, 1]]

    def test_one_bit_png(self, tmp_path):
        image = Image.fromarray(np.array([[0, 255, 255]], np.uint8)).convert('1')
        path = save(tmp_path / 'a.png', image)
        assert Image.open(path).mode == '1'
        assert read_label(path).tolist() == [[0, 1, 1]]

    def test_palette_png_gives_its_indices(self, tmp_path):
        image = Image.fromarray(np.array([[0, 1]], np.uint8), mode='L').convert('P')
        image.putdata([0, 1])
        image.putpalette([0, 0, 0, 255, 255, 255])
        path = save(tmp_path / 'a.png', image)
        assert Image.open(path).mode == 'P'
        assert read_label(path, dict(unchanged=0, changed=1)).tolist() == [[0, 1]]
        with pytest.raises(LabelError, match='looks like 0/1'):
            read_label(path)

    def test_coloured_label(self, tmp_path):
        path = save(tmp_path / 'a.png', COLOURS)
        with pytest.raises(LabelError, match=r'a\.png: .*got a coloured image \(2, 2, 3\)'):
            read_label(path)

    def test_one_colour_on_black_is_that_band(self, tmp_path):
        """As in S2Looking's label1 and label2."""
        blue = np.zeros((2, 2, 3), np.uint8)
        blue[0, 1, 2] = 255
        assert read_label(save(tmp_path / 'a.png', blue)).tolist() == [[0, 1], [0, 0]]

    def test_16_bit_label(self, tmp_path):
        path = save(tmp_path / 'a.png', np.array([[0, 65535]], np.uint16))
        with pytest.raises(LabelError, match=r'a\.png: expected an 8-bit image, but got'):
            read_label(path, dict(threshold=127))

    def test_size_must_be_the_images(self, tmp_path):
        path = save(tmp_path / 'a.png', np.zeros((4, 8), np.uint8))
        before = np.zeros((8, 4, 3), np.uint8)
        expected = r'a\.png has \(4, 8\), before\.png has \(8, 4\)'
        with pytest.raises(ImagePairError, match=expected):
            read_label(path, before=before, before_path='before.png')
        assert read_label(path, before=np.zeros((4, 8, 3)), before_path='').shape == (4, 8)

    def test_a_file_that_is_no_image(self, tmp_path):
        path = tmp_path / 'a.png'
        path.write_bytes(b'<html>')
        with pytest.raises(LabelError, match=r'Cannot read .*a\.png.*Is the file whole'):
            read_label(str(path))

    def test_a_file_that_was_cut_short(self, tmp_path):
        label = np.random.RandomState(0).choice([0, 255], (64, 64)).astype(np.uint8)
        path = Path(save(tmp_path / 'a.png', label))
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(LabelError, match=r'Cannot read .*a\.png'):
            read_label(str(path))

    @needs_samples
    def test_real_jpeg_label(self):
        path = next((SHARED / 'data/CDD/train/OUT').iterdir())
        assert set(np.unique(read_label(str(path), CDDDataset.LABEL_ENCODING))) == {0, 1}
        with pytest.raises(LabelError, match=r'and 219 other values.*threshold=127'):
            read_label(str(path))

    @needs_samples
    def test_real_crops(self):
        labels = sorted((SHARED / 'data/LEVIR-CD-256').glob('*/label/*.png'))
        assert len(labels) == 6
        empty = [path.stem for path in labels if not read_label(str(path)).any()]
        assert empty == ['train_386_0512_0768']


@pytest.mark.parametrize('shape', [(8, 8), (5, 4), (4, 5)])
def test_a_window_of_a_label_of_another_size_is_refused(tmp_path, shape):
    """It would have the right size by itself, of other ground."""
    image = save(tmp_path / 'a.png', np.zeros((4, 4, 3), np.uint8))
    label = save(tmp_path / 'label.png', np.zeros(shape, np.uint8))
    window = Window(0, 0, 2, 2)
    results = LoadImagePair()(dict(before_path=image, after_path=image, window=window))
    with pytest.raises(ImagePairError, match=r'label differs in size .* its images.*\(4, 4\)'):
        read_label(label, **results)
    same = save(tmp_path / 'same.png', np.zeros((4, 4), np.uint8))
    assert read_label(same, **results).shape == (2, 2)
