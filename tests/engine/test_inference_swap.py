from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmcd.engine.inference_swap import innermost, use_predictor
from mmcd.errors import ConfigError
from mmcd.inference.segmentor import PredictorSegmentor
from mmcd.structures import BINARY_CHANGE
from tests.inference.random_models import random_model


class Wrapper(nn.Module):
    """As those of distributed and of augmented testing."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module


@pytest.mark.parametrize('wrappers', [0, 1, 2])
def test_the_innermost_model_is_replaced(wrappers: int) -> None:
    wrapped = random_model('darnet_sample.py')
    for _ in range(wrappers):
        wrapped = Wrapper(wrapped)
    runner = fake_runner(wrapped)
    use_predictor(runner, precision='bfloat16')
    assert (runner.model is wrapped) == (wrappers > 0)
    swapped = innermost(runner.model)
    assert isinstance(swapped, PredictorSegmentor)
    assert swapped.predictor.precision == 'bfloat16'
    assert swapped.test_cfg == dict(mode='whole')


def test_both_orders_of_the_dates_are_predicted() -> None:
    runner = fake_runner(random_model('darnet_sample.py'))
    use_predictor(runner, exchange=True)
    pairs = torch.randint(0, 256, (2, 6, 32, 48), dtype=torch.uint8).float()
    samples = runner.model.predict(pairs)
    turned = runner.model.predict(torch.cat([pairs[:, 3:], pairs[:, :3]], dim=1))
    for one, other in zip(samples, turned, strict=True):
        assert torch.equal(one.pred_sem_seg.data, other.exchanged_sem_seg.data)
        assert torch.equal(one.exchanged_sem_seg.data, other.pred_sem_seg.data)


def fake_runner(model: nn.Module) -> SimpleNamespace:
    dataset = SimpleNamespace(metainfo=BINARY_CHANGE.to_meta())
    return SimpleNamespace(
        model=model,
        test_loop=SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset)),
        cfg=SimpleNamespace(model=dict(module=dict(test_cfg=dict(mode='whole')))),
    )


def test_other_models_are_tested_as_they_are() -> None:
    runner = SimpleNamespace(model=nn.Linear(1, 1))
    model = runner.model
    use_predictor(runner)
    assert runner.model is model
    with pytest.raises(ConfigError, match=r'A Linear is tested as it is, in float32: leave --amp'):
        use_predictor(runner, precision='bfloat16')
