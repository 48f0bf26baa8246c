from __future__ import annotations

import numpy as np
import pytest

from mmcd.evaluation.disturbances import Disturbance, all_disturbances
from mmcd.structures import RGB_8BIT, ImageSpec

WIDE = ImageSpec.from_config(
    dict(bands=['blue', 'green', 'red', 'nir', 'swir'], dtype='uint16', value_range=(0, 10_000))
)
FLOATS = ImageSpec.from_config(dict(bands=['vv'], dtype='float32'))


def draw(spec: ImageSpec) -> np.ndarray:
    rng = np.random.default_rng(0)
    low, high = spec.value_range or (20, 200)
    shape = (40, 50, spec.num_bands)
    smooth = np.cumsum(rng.normal(0, 1, shape), axis=1)
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return (low + smooth * (high - low) * 0.6 + 0.2 * (high - low)).astype(spec.dtype)


def of_kind(spec: ImageSpec, kind: str) -> list[Disturbance]:
    return [each for each in all_disturbances(spec) if each.kind == kind]


def apply(disturbance: Disturbance, image: np.ndarray, spec: ImageSpec) -> np.ndarray:
    return disturbance.apply(image, spec, np.random.default_rng(1))


@pytest.mark.parametrize('spec', [RGB_8BIT, WIDE, FLOATS], ids=['RGB', 'five bands', 'floats'])
def test_every_disturbance_gives_another_image_of_the_same_kind(spec: ImageSpec) -> None:
    image = draw(spec)
    untouched = image.copy()
    for disturbance in all_disturbances(spec):
        found = apply(disturbance, image, spec)
        assert (found.shape, found.dtype) == (image.shape, image.dtype), disturbance.name
        assert (found != image).mean() > 0.2, disturbance.name
        np.testing.assert_array_equal(image, untouched, disturbance.name)
    assert bool(of_kind(spec, 'JPEG')) == (spec is RGB_8BIT)


def test_a_shift_moves_the_image_and_nothing_else() -> None:
    image = draw(RGB_8BIT)
    for shift in of_kind(RGB_8BIT, 'shift'):
        pixels = int(shift.strength)
        found = apply(shift, image, RGB_8BIT)
        np.testing.assert_array_equal(found[:, pixels:], image[:, :-pixels])


def test_stronger_is_farther_away() -> None:
    image = draw(RGB_8BIT)
    for kind in ('shift', 'blur', 'noise', 'coarser', 'JPEG'):
        away = [
            np.abs(apply(each, image, RGB_8BIT).astype(float) - image).mean()
            for each in of_kind(RGB_8BIT, kind)
        ]
        assert away == sorted(away), kind


def test_gain_and_offset_are_of_the_stated_range_and_do_not_wrap() -> None:
    image = np.full((4, 4, 5), 9_000, np.uint16)
    offset = of_kind(WIDE, 'offset')[-1]
    np.testing.assert_array_equal(apply(offset, image, WIDE), 10_000)
    bright = np.full((4, 4, 3), 250, np.uint8)
    for disturbance in (of_kind(RGB_8BIT, 'gain')[-1], of_kind(RGB_8BIT, 'offset')[-1]):
        np.testing.assert_array_equal(apply(disturbance, bright, RGB_8BIT), 255)


def test_noise_is_the_same_for_a_seed() -> None:
    image = draw(RGB_8BIT)
    noise = of_kind(RGB_8BIT, 'noise')[-1]
    first, second = (noise.apply(image, RGB_8BIT, np.random.default_rng(s)) for s in (0, 0))
    np.testing.assert_array_equal(first, second)
    assert (noise.apply(image, RGB_8BIT, np.random.default_rng(1)) != first).any()
