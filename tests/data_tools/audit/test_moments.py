from __future__ import annotations

import numpy as np
import pytest

from mmcd.data_tools.audit.moments import Moments


@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('bands', [1, 3, 4, 13])
def test_sums_over_images_of_two_sizes(bands, dtype):
    rng = np.random.RandomState(0)
    images = [rng.randint(0, 250, (h, 20, bands)).astype(dtype) for h in (10, 30)]
    moments = Moments.of(images[0]) + Moments.of(images[1])
    together = np.concatenate(images).reshape(-1, bands).astype(float)
    np.testing.assert_allclose(moments.mean, together.mean(axis=0))
    np.testing.assert_allclose(moments.deviation, together.std(axis=0))
    assert (moments.pixels == 800).all()


def test_values_that_are_not_finite_do_not_count():
    image = np.ones((4, 5, 2), np.float32)
    image[0, :, 0], image[..., 1] = np.nan, np.inf
    moments = Moments.of(image)
    assert moments.pixels.tolist() == [15, 0]
    assert moments.mean.tolist() == [1, 0] and moments.deviation.tolist() == [0, 0]
