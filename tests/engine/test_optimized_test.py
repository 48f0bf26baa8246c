from __future__ import annotations

from types import SimpleNamespace

import pytest
from torch import nn

from mmcd.engine.optimized_test import innermost, use_optimized
from mmcd.errors import ConfigError
from mmcd.inference import OptimizedSegmentor
from tests.inference.random_models import random_model


class Wrapper(nn.Module):
    """As those of distributed and of augmented testing."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


@pytest.mark.parametrize('wrappers', [0, 1, 2])
def test_the_innermost_model_is_replaced(wrappers: int) -> None:
    model = wrapped = random_model('darnet_sample.py')
    for _ in range(wrappers):
        wrapped = Wrapper(wrapped)
    runner = SimpleNamespace(model=wrapped)
    use_optimized(runner, precision='bfloat16')
    assert (runner.model is wrapped) == (wrappers > 0)
    fast = innermost(runner.model)
    assert isinstance(fast, OptimizedSegmentor) and fast.precision == 'bfloat16'
    assert fast.data_preprocessor is model.data_preprocessor


def test_other_models_are_tested_as_they_are() -> None:
    runner = SimpleNamespace(model=nn.Linear(1, 1))
    model = runner.model
    use_optimized(runner, precision=None)
    assert runner.model is model
    with pytest.raises(ConfigError, match=r'A Linear is tested as it is, in float32: leave --amp'):
        use_optimized(runner, precision='bfloat16')
