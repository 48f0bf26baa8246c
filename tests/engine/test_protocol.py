"""What a result says of where it was made."""

import pytest
import torch

from mmcd.engine.protocol import describe_device


def test_a_processor() -> None:
    said = describe_device('cpu')

    assert said['device'] == 'cpu' and said['device_name'] and said['tf32'] is False


@pytest.fixture(params=[True, False], ids=['allowed', 'not allowed'])
def allowed(request) -> bool:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = request.param
    yield request.param
    torch.backends.cudnn.allow_tf32 = before


@pytest.mark.parametrize(('capability', 'can'), [((7, 5), False), ((8, 0), True), ((9, 0), True)])
def test_a_gpu_that_rounds_float32(monkeypatch, allowed: bool, capability, can: bool) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'get_device_name', lambda: 'a GPU')
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda: capability)

    said = describe_device('cuda')

    assert said == dict(device='cuda', device_name='a GPU', tf32=allowed and can)
