from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmcd.data_tools.audit.inspection import PairRecord
from mmcd.data_tools.audit.pictures import Image, ThumbnailCache
from mmcd.datasets.pair_index import PairFiles
from tests.data_tools.audit.planting import draw, write


@pytest.fixture
def thumbnails_of(tmp_path):
    """A thumbnails of pairs whose before and after images are given."""

    def make(*images: np.ndarray) -> ThumbnailCache:
        records = []
        for number in range(len(images) // 2):
            paths = [tmp_path / f'{number}_{date}.png' for date in (0, 1)]
            for path, image in zip(paths, images[2 * number :], strict=False):
                write(path, image)
            files = PairFiles(str(number), *paths, Path('none'))
            records.append(PairRecord('train', files))
        return ThumbnailCache(records)

    return make


def test_a_compressed_copy_is_the_same_and_another_place_is_not(thumbnails_of):
    rng = np.random.RandomState(0)
    image, other, _ = draw(rng)
    elsewhere = draw(rng)[0]
    jpeg = cv2.imdecode(cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 30])[1], 1)
    thumbnails = thumbnails_of(image, other, np.rot90(jpeg), elsewhere)
    assert thumbnails.same_image(Image(0, 0), Image(1, 0), 5)
    assert not thumbnails.same_image(Image(0, 0), Image(1, 0), 0)
    assert not thumbnails.same_image(Image(0, 0), Image(1, 1), 0)


def test_the_same_shading_with_other_detail_is_not_the_same(thumbnails_of):
    rng = np.random.RandomState(0)
    shade = np.linspace(60, 200, 96)[None, :, None] * np.ones((96, 1, 3))
    one, two = ((shade + rng.randn(96, 96, 3) * 4).astype(np.uint8) for _ in 'ab')
    thumbnails = thumbnails_of(one, two)
    assert not thumbnails.same_image(Image(0, 0), Image(0, 1), 0)
    assert thumbnails.nearly_equal(Image(0, 0), Image(0, 1), 0)  # nothing tells them apart
    assert thumbnails.same_image(Image(0, 0), Image(0, 0), 0)


def test_what_has_no_detail_is_the_same_only_if_equal(thumbnails_of):
    flat = np.full((96, 96, 3), 100, np.uint8)
    thumbnails = thumbnails_of(flat, flat + 1)
    assert not thumbnails.same_image(Image(0, 0), Image(0, 1), 0)
    assert thumbnails.nearly_equal(Image(0, 0), Image(0, 1), 0)
