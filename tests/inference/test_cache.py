from __future__ import annotations

import gc
import weakref

import pytest
import torch

from mmcd.errors import ConfigError
from mmcd.inference import optimize_for_inference
from mmcd.inference.cache import optimized
from tests.inference.random_models import random_model, random_pairs, relative, trained_logits


@pytest.fixture
def model() -> torch.nn.Module:
    return random_model('darnet_sample.py')


def test_it_is_made_once(model: torch.nn.Module) -> None:
    assert optimized(model) is optimized(model, precision='float32')
    assert optimized(model, precision='bfloat16') is not optimized(model)
    assert optimized(model, precision='bfloat16') is optimized(model, precision='bfloat16')


def test_it_is_made_again_where_the_weights_have_changed(model: torch.nn.Module) -> None:
    pairs = random_pairs(1, 32, 32)
    first = optimized(model)
    model.load_state_dict(random_model('darnet_sample.py', seed=1).state_dict())
    second = optimized(model)
    assert second is not first
    assert relative(second(pairs, mode='tensor'), trained_logits(model, pairs)) < 1e-5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model.train()(pairs, mode='tensor')[-1].mean().backward()
    optimizer.step()
    assert optimized(model) is not second
    assert (
        relative(optimized(model)(pairs, mode='tensor'), trained_logits(model.eval(), pairs)) < 1e-5
    )


def test_it_is_not_kept_longer_than_the_model() -> None:
    model = random_model('darnet_sample.py')
    fast = weakref.ref(optimized(model))
    del model
    gc.collect()
    assert fast() is None


def test_an_optimised_model_is_its_own(model: torch.nn.Module) -> None:
    fast = optimize_for_inference(model, precision='bfloat16')
    assert optimized(fast) is fast and optimized(fast, precision='bfloat16') is fast
    with pytest.raises(ConfigError, match='optimised for bfloat16, but float32 was asked for'):
        optimized(fast, precision='float32')
