import cv2
import numpy as np
import pytest

from mmcd.errors import SceneError
from mmcd.scene.pair_reader import open_pair
from mmcd.scene.registration import BlockShift, fit_registration
from mmcd.scene.settings import SceneSettings
from tests.scene.rasters import utm, write_raster

HEIGHT, WIDTH = 520, 600


def ground(seed=0):
    """Sharp blocks of many sizes, (3, H, W): something with edges."""
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH), 90, np.uint8)
    for _ in range(400):
        row, column = rng.integers(0, HEIGHT), rng.integers(0, WIDTH)
        height, width = rng.integers(4, 30, 2)
        image[row : row + height, column : column + width] = rng.integers(20, 240)
    return np.stack([image] * 3)


def moved(image, down, right, turn=0.0):
    matrix = np.float32([[1, turn, right], [-turn, 1, down]])
    warped = cv2.warpAffine(
        image.transpose(1, 2, 0), matrix, (WIDTH, HEIGHT), borderValue=(90,) * 3
    )
    return warped.transpose(2, 0, 1)


@pytest.mark.parametrize('georeferenced', [True, False])
def test_a_smooth_shift_is_found_and_mended(tmp_path, georeferenced):
    place = utm() if georeferenced else None
    image = ground()
    before = write_raster(tmp_path / 'a.tif', image, place)
    after = write_raster(tmp_path / 'b.tif', moved(image, 5, -7, turn=0.004), place)
    paths = str(before), str(after)
    with open_pair(*paths, SceneSettings()) as pair:
        assert np.median([shift.length for shift in pair.shifts]) > 6
        assert pair.registration is None
    with open_pair(*paths, SceneSettings(register=True)) as pair:
        pixels, valid = pair.after.read(0, HEIGHT)
    inside = (slice(None), slice(40, -40), slice(40, -40))
    off = np.abs(pixels[inside].astype(float) - image[inside]).mean()
    as_it_lies = np.abs(moved(image, 5, -7, 0.004)[inside].astype(float) - image[inside]).mean()
    assert off < as_it_lies / 4
    assert valid[40:-40, 40:-40].all()


def test_of_few_blocks_the_median_is_taken():
    shifts = tuple(BlockShift(r, 100, down, 3) for r, down in ((100, 4), (200, 4), (300, 40)))
    assert fit_registration(shifts, 400, 400) == (1, 0, 3, 0, 1, 4)


def test_outliers_do_not_decide():
    shifts = [BlockShift(r, c, 4, -3) for r in range(50, 400, 100) for c in range(50, 400, 100)]
    shifts[5] = BlockShift(shifts[5].row, shifts[5].column, 60, 60)
    found = fit_registration(tuple(shifts), 400, 400)
    np.testing.assert_allclose(found, (1, 0, -3, 0, 1, 4), atol=1e-6)


def test_images_that_do_not_resemble_each_other_are_not_moved():
    with pytest.raises(SceneError, match='they do not resemble each other enough in any block'):
        fit_registration((), 400, 400)
