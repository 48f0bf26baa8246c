from __future__ import annotations

import cv2
import numpy as np
import pytest

from mmcd.data_tools.audit.fingerprint import (
    ALIKE,
    ORIENTATIONS,
    best_orientation,
    blind,
    fingerprint,
    orient,
    orient_print,
)
from tests.data_tools.audit.planting import draw

EVERY = range(len(ORIENTATIONS))


def grey(seed: int) -> np.ndarray:
    return cv2.cvtColor(draw(np.random.RandomState(seed))[0], cv2.COLOR_RGB2GRAY)


def test_there_are_eight_different_orientations():
    image = np.arange(6).reshape(2, 3)
    assert len({orient(image, o).tobytes() + bytes(orient(image, o).shape) for o in EVERY}) == 8
    assert (orient(image, 5) == np.rot90(image, -1)).all()
    assert (orient(image, 6) == np.rot90(image)).all()
    assert (orient(image, 3) == np.rot90(image, 2)).all()


@pytest.mark.parametrize('orientation', EVERY)
def test_the_print_of_a_turned_image_is_the_turned_print(orientation):
    image = cv2.resize(grey(0), (64, 64))
    turned = fingerprint(np.ascontiguousarray(orient(image, orientation)))
    np.testing.assert_allclose(turned, orient_print(fingerprint(image), orientation), atol=1e-5)
    assert best_orientation(turned, fingerprint(image))[0] == orientation
    np.testing.assert_allclose(blind(turned[None]), blind(fingerprint(image)[None]), atol=1e-5)


@pytest.mark.parametrize('quality', [30, 60, 90])
@pytest.mark.parametrize('orientation', EVERY)
def test_jpeg_and_light_do_not_hide_it(orientation, quality):
    image = grey(1)
    other = cv2.convertScaleAbs(image, alpha=0.8, beta=20)
    other = cv2.imdecode(cv2.imencode('.jpg', other, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 0)
    prints = fingerprint(image), fingerprint(np.ascontiguousarray(orient(other, orientation)))
    assert best_orientation(*prints)[1] > 0.98
    first, second = (blind(p[None])[0] for p in prints)
    assert first @ second > 0.98


def test_others_are_not_alike_in_any_orientation():
    prints = np.array([fingerprint(grey(seed)) for seed in range(40)])
    blinded = blind(prints)
    likeness = blinded @ blinded.T
    likeness[np.diag_indices(40)] = 0
    assert likeness.max() < ALIKE - 0.02
    # What the search relies on: blind to orientation, nothing is less alike than in the best one.
    for first in range(10):
        for second in range(first):
            best = best_orientation(prints[first], prints[second])[1]
            assert likeness[first, second] >= best - 1e-5


def test_what_shows_nothing_has_no_print():
    assert fingerprint(np.full((64, 64), 7, np.uint8)) is None
    noise = np.random.RandomState(0).randint(99, 101, (256, 256)).astype(np.uint8)
    assert fingerprint(noise) is None
