from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmcd.data_tools.audit.inspection import PairRecord
from mmcd.data_tools.audit.pictures import Image, PictureShelf
from mmcd.datasets.pair_index import PairFiles
from tests.data_tools.audit.planting import draw, write


@pytest.fixture
def shelf_of(tmp_path):
    """A shelf of pairs whose before and after images are given."""

    def make(*images: np.ndarray) -> PictureShelf:
        records = []
        for number in range(len(images) // 2):
            paths = [tmp_path / f'{number}_{date}.png' for date in (0, 1)]
            for path, image in zip(paths, images[2 * number :], strict=False):
                write(path, image)
            files = PairFiles(str(number), *paths, Path('none'))
            records.append(PairRecord('train', files))
        return PictureShelf(records)

    return make


def test_a_compressed_copy_is_the_same_and_another_place_is_not(shelf_of):
    rng = np.random.RandomState(0)
    image, other, _ = draw(rng)
    elsewhere = draw(rng)[0]
    jpeg = cv2.imdecode(cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    shelf = shelf_of(image, other, np.rot90(jpeg), elsewhere)
    assert shelf.same_image(Image(0, 0), Image(1, 0), 5)
    assert not shelf.same_image(Image(0, 0), Image(1, 0), 0)
    assert not shelf.same_image(Image(0, 0), Image(1, 1), 0)


def test_the_same_shading_with_other_detail_is_not_the_same(shelf_of):
    rng = np.random.RandomState(0)
    shade = np.linspace(60, 200, 96)[None, :, None] * np.ones((96, 1, 3))
    one, two = ((shade + rng.randn(96, 96, 3) * 4).astype(np.uint8) for _ in 'ab')
    shelf = shelf_of(one, two)
    assert not shelf.same_image(Image(0, 0), Image(0, 1), 0)
    assert shelf.nearly_equal(Image(0, 0), Image(0, 1), 0)  # nothing tells them apart
    assert shelf.same_image(Image(0, 0), Image(0, 0), 0)


def test_what_has_no_detail_is_the_same_only_if_equal(shelf_of):
    flat = np.full((96, 96, 3), 100, np.uint8)
    shelf = shelf_of(flat, flat + 1)
    assert not shelf.same_image(Image(0, 0), Image(0, 1), 0)
    assert shelf.nearly_equal(Image(0, 0), Image(0, 1), 0)
