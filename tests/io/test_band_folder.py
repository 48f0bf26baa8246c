"""An image as a folder with a file for each band."""

import numpy as np
import pytest

from mmcd.errors import ImagePairError
from mmcd.io.band_folder import band_files
from mmcd.io.images import read_header, read_image, read_pair_image
from mmcd.structures import ImageSpec
from tests.tiff_files import write_tiff

SPEC = ImageSpec(bands=('red', 'nir08'), dtype='uint16')


def write_bands(folder, **values):
    for name, value in values.items():
        size = (6, 8, 1) if name.endswith('B12') else (12, 16, 1)
        write_tiff(folder / f'{name}.tif', np.full(size, value, np.uint16))
    return folder


def test_names_of_products_are_understood(tmp_path):
    write_bands(tmp_path, paris_B04=1, T31UDQ_20160101T105412_B8A_20m=2, preview=9)
    assert list(band_files(tmp_path)) == ['B04', 'B8A']


def test_bands_are_read_by_name_and_all_in_order_of_wavelengths(tmp_path):
    write_bands(tmp_path, B09=9, B8A=8, B04=4)
    assert read_pair_image(tmp_path, SPEC)[0, 0].tolist() == [4, 8]
    assert read_image(tmp_path)[0, 0].tolist() == [4, 8, 9]
    header = read_header(tmp_path)
    assert (header.height, header.width, header.bands) == (12, 16, 3)


def test_bands_of_two_resolutions_are_no_image(tmp_path):
    write_bands(tmp_path, B04=4, B12=12)
    with pytest.raises(ImagePairError, match=r'do not form one image(?s:.)*B12\.tif: \(6, 8, 1\)'):
        read_image(tmp_path)


def test_a_band_that_is_there_twice_is_refused(tmp_path):
    write_bands(tmp_path, B04=4, x_B04=4)
    with pytest.raises(ImagePairError, match=r'Two files in .* are of band B04'):
        read_image(tmp_path)


def test_another_type_than_described_is_refused(tmp_path):
    write_bands(tmp_path, B04=4, B8A=8)
    with pytest.raises(ImagePairError, match='2 bands of uint16, but the model takes'):
        read_pair_image(tmp_path, ImageSpec(bands=('red', 'nir08'), dtype='float32'))


def test_a_folder_without_bands_is_no_image(tmp_path):
    with pytest.raises(ImagePairError, match='holds no bands of Sentinel-2'):
        read_image(tmp_path)
