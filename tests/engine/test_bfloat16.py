from __future__ import annotations

from contextlib import nullcontext

import pytest
import torch
from torch import nn

from mmcd.engine import BFloat16OptimWrapper, bfloat16
from mmcd.registry import OPTIM_WRAPPERS


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch):
    monkeypatch.setattr(bfloat16, 'get_device', lambda: 'cpu')


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3))


def wrap(network: nn.Module, **options) -> BFloat16OptimWrapper:
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    return OPTIM_WRAPPERS.build(dict(type='BFloat16OptimWrapper', optimizer=optimizer, **options))


def test_computes_in_bfloat16_inside_only(network):
    wrapper = wrap(network)
    inputs = torch.rand(2, 2, 8, 8)
    with wrapper.optim_context(network):
        assert network(inputs).dtype == torch.bfloat16
    assert network(inputs).dtype == torch.float32


def test_trains_float32_weights(network):
    wrapper = wrap(network)
    inputs = torch.rand(4, 2, 8, 8)
    target = inputs[:, :1, 2:-2, 2:-2]
    losses = []
    for _ in range(40):
        with wrapper.optim_context(network):
            loss = ((network(inputs) - target) ** 2).mean()
        wrapper.update_params(loss)
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    assert {p.dtype for p in network.parameters()} == {torch.float32}


def test_gradients_accumulate_as_in_the_base_class(network):
    wrapper = wrap(network, accumulative_counts=2)
    wrapper.initialize_count_status(network, 0, 4)
    start = network[0].weight.detach().clone()
    for step in range(2):
        with wrapper.optim_context(network):
            loss = network(torch.rand(2, 2, 8, 8)).mean()
        wrapper.update_params(loss)
        assert torch.equal(network[0].weight, start) is (step == 0)


def test_distributed_gradients_wait_while_they_accumulate(network):
    """The base class's context is kept: processes meet at every second step only."""
    waits = []
    network.no_sync = lambda: waits.append(1) or nullcontext()
    wrapper = wrap(network, accumulative_counts=2)
    wrapper.initialize_count_status(network, 0, 4)
    for _ in range(4):
        with wrapper.optim_context(network):
            loss = network(torch.rand(2, 2, 8, 8)).mean()
        wrapper.update_params(loss)
    assert len(waits) == 2
