from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mmcd.errors import ExportError
from mmcd.export.parity import _expected, check_parity
from mmcd.inference import ChangePredictor, make_predictor
from tests.export.models import tiny_model

SHAPES = [(1, 6, 16, 24), (3, 6, 8, 8)]
Run = Callable[[np.ndarray], dict[str, np.ndarray]]


@pytest.fixture(scope='module')
def trained() -> ChangePredictor:
    return make_predictor(tiny_model(), optimize=False)


@pytest.mark.parametrize('classes', [1, 2, 4])
def test_what_is_expected_is_what_scenes_are_mapped_with(classes: int) -> None:
    model = tiny_model(classes=classes)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 6, 16, 8), dtype=np.uint8)
    found = _expected(make_predictor(model, optimize=False), tiles)
    assert found['logits'].shape == (2, classes, 16, 8)
    expected = make_predictor(model).predict(tiles)[:, 1:]
    np.testing.assert_allclose(found['probability'], expected, atol=1e-5)


def test_the_largest_deviation_is_told(trained: ChangePredictor) -> None:
    def run(tiles: np.ndarray) -> dict[str, np.ndarray]:
        answer = _expected(trained, tiles)
        if len(tiles) == 3:
            answer['probability'][2, 0, 7, 7] += 5e-5
        return answer

    deviation = check_parity(trained, run, SHAPES)
    assert deviation.probability == pytest.approx(5e-5, rel=0.01)
    assert deviation.logits == 0 and deviation.num_cases == 2


def _off(name: str, number: float) -> Callable[[dict], None]:
    def change(answer: dict[str, np.ndarray]) -> None:
        answer[name][-1, 0, -1, -1] += number

    return change


def _crop(answer: dict[str, np.ndarray]) -> None:
    answer['logits'] = answer['logits'][..., :-1]


@pytest.mark.parametrize(
    'change', [_off('probability', 1e-3), _off('logits', 0.1), _off('logits', np.nan), _crop]
)
def test_a_deviation_in_one_pixel_is_enough(trained: ChangePredictor, change: Callable) -> None:
    def run(tiles: np.ndarray) -> dict[str, np.ndarray]:
        answer = _expected(trained, tiles)
        if len(tiles) == 3:
            change(answer)
        return answer

    with pytest.raises(ExportError, match=r'on a batch of \(3, 6, 8, 8\) its logits differ by'):
        check_parity(trained, run, SHAPES)


def test_a_size_that_is_not_taken(trained: ChangePredictor) -> None:
    def run(tiles: np.ndarray) -> dict[str, np.ndarray]:
        raise ValueError('Got: 1 Expected: 2\nmore')

    with pytest.raises(ExportError, match=r'fails on a batch of \(1, 6, 16, 24\): Got: 1 .*: 2\.'):
        check_parity(trained, run, SHAPES)
