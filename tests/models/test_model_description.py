from __future__ import annotations

import re

import pytest

from mmcd.errors import ConfigError
from mmcd.inference import FunctionPredictor, make_predictor
from mmcd.models.model_description import threshold_of
from tests.export.models import tiny_model


@pytest.mark.parametrize('wrong', [65, -1, float('nan'), float('inf')])
def test_a_threshold_that_is_no_probability(wrong: float) -> None:
    model = tiny_model()
    model.threshold = wrong
    said = re.escape(f'threshold={wrong}: expected a probability from 0 to 1')
    for ask in (
        lambda: threshold_of(model),
        lambda: make_predictor(model),
        lambda: FunctionPredictor(lambda tiles: tiles[:, 0], threshold=wrong),
    ):
        with pytest.raises(ConfigError, match=said):
            ask()


def test_the_ends_are_thresholds() -> None:
    model = tiny_model()
    for threshold in (0, 1):
        model.threshold = threshold
        assert make_predictor(model).threshold == threshold
