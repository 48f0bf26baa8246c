from __future__ import annotations

import numpy as np
import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.inference import FunctionPredictor, make_predictor
from mmcd.inference.predictor import (
    AUGMENTATION_NAMES,
    AveragingPredictor,
    augmentation_views,
)
from mmcd.structures import ChangeClasses

NUMBERS = {'flips': 3, 'd4': 8, 'exchange': 2, 'flips+exchange': 6, 'd4+exchange': 16}


def pairs(height: int = 5, width: int = 7) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (2, 6, height, width), generator=generator).to(torch.uint8)


def by_pixel(tiles: np.ndarray) -> np.ndarray:
    """Knows neither directions nor an order of the dates."""
    return np.abs(tiles[:, 0].astype(np.float32) - tiles[:, 3]) / 255


def by_place(tiles: np.ndarray) -> np.ndarray:
    """Depends on both: brighter to the right and below, and after minus before."""
    height, width = tiles.shape[2:]
    place = np.linspace(0, 0.5, height * width, dtype=np.float32).reshape(height, width)
    return np.clip(place + (tiles[:, 3].astype(np.float32) - tiles[:, 0]) / 1020, 0, 1)


@pytest.mark.parametrize('name', AUGMENTATION_NAMES)
def test_what_has_no_direction_stays(name: str) -> None:
    plain = FunctionPredictor(by_pixel)
    torch.testing.assert_close(
        AveragingPredictor(plain, name).predict_tensor(pairs()), plain.predict_tensor(pairs())
    )


@pytest.mark.parametrize('name', AUGMENTATION_NAMES)
def test_as_many_views_as_said_each_another(name: str) -> None:
    views = augmentation_views(name)
    assert len(set(views)) == len(views) == NUMBERS[name]
    seen = []

    def note(tiles: np.ndarray) -> np.ndarray:
        seen.append(tiles.tobytes())
        return by_pixel(tiles)

    AveragingPredictor(FunctionPredictor(note), name).predict_tensor(pairs())
    assert len(set(seen)) == NUMBERS[name]


def test_d4_makes_the_answer_follow_every_turn_and_flip() -> None:
    averaged = AveragingPredictor(FunctionPredictor(by_place), 'd4')
    expected = averaged.predict_tensor(pairs())
    plain = FunctionPredictor(by_place).predict_tensor(pairs().rot90(1, (2, 3))).rot90(-1, (2, 3))
    assert not torch.allclose(plain, FunctionPredictor(by_place).predict_tensor(pairs()))
    for turns in range(4):
        turned = averaged.predict_tensor(pairs().rot90(turns, (2, 3)).flip(3))
        torch.testing.assert_close(turned.flip(3).rot90(-turns, (2, 3)), expected)


def test_exchange_makes_the_answer_the_same_in_both_orders() -> None:
    averaged = AveragingPredictor(FunctionPredictor(by_place), 'exchange')
    exchanged = torch.cat([pairs()[:, 3:], pairs()[:, :3]], dim=1)
    torch.testing.assert_close(averaged.predict_tensor(pairs()), averaged.predict_tensor(exchanged))


def test_flips_are_the_mean_over_as_it_is_mirrored_and_upside_down() -> None:
    plain = FunctionPredictor(by_place)
    scores = [plain.predict_tensor(pairs().flip(axes)).flip(axes) for axes in ((), (3,), (2,))]
    predictor = make_predictor(plain, tta=True)
    torch.testing.assert_close(predictor.predict_tensor(pairs()), torch.stack(scores).mean(0))
    assert predictor.describe()['tta'] == 'flips'
    assert make_predictor(plain, tta='d4').describe()['tta'] == 'd4'


def test_names_and_classes_that_do_not_go() -> None:
    with pytest.raises(ConfigError, match=r"one of flips, d4, .*got 'rotate'"):
        make_predictor(FunctionPredictor(by_pixel), tta='rotate')
    several = FunctionPredictor(by_pixel)
    several.classes = ChangeClasses.of_number(3)
    with pytest.raises(ConfigError, match='order of the dates decides between the kinds'):
        AveragingPredictor(several, 'flips+exchange')
