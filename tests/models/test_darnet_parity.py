"""Our own numbers, so that a change of the network is seen without the golden data too."""

from functools import cache

import numpy as np
import pytest

from tests.golden import relative_error
from tests.models.make_darnet_parity import FILE, compute


@cache
def ours_and_kept():
    with np.load(FILE) as kept:
        return compute(), dict(kept)


@pytest.mark.parametrize('level', [5, 4, 3, 2, 1])
def test_logits(level):
    ours, kept = ours_and_kept()
    assert relative_error(ours[f'y{level}'], kept[f'y{level}']) < 5e-4


def test_first_losses():
    ours, kept = ours_and_kept()
    assert ours['losses'][0] == pytest.approx(kept['losses'][0], rel=1e-5)
    assert ours['losses'] == pytest.approx(kept['losses'], rel=2e-3)
