from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmcd.models.layers.upsampled_conv import conv_of_upsampled


def plain(x: torch.Tensor, conv: nn.Conv2d, scale: int) -> torch.Tensor:
    return conv(F.interpolate(x, scale_factor=scale, mode='bilinear', align_corners=False))


@pytest.mark.parametrize('scale', [2, 4, 8, 16])
@pytest.mark.parametrize(('height', 'width'), [(1, 1), (2, 3), (9, 4)])
def test_result_and_gradients_are_those_of_the_two(scale: int, height: int, width: int) -> None:
    """At the borders too: zero padding, and bilinear interpolation beyond the last centre."""
    torch.manual_seed(0)
    conv = nn.Conv2d(5, 3, 3, padding=1).double()
    found = []
    for function in (plain, conv_of_upsampled):
        generator = torch.Generator().manual_seed(1)
        x = torch.randn(2, 5, height, width, dtype=torch.float64, generator=generator)
        conv.zero_grad()
        y = function(x.requires_grad_(), conv, scale)
        (y * torch.randn(y.shape, dtype=y.dtype, generator=generator)).sum().backward()
        found.append([y.detach(), x.grad, conv.weight.grad.clone(), conv.bias.grad.clone()])
    for ours, expected in zip(found[1], found[0], strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


def test_weights_made_in_inference_mode_serve_training() -> None:
    conv = nn.Conv2d(5, 3, 3, padding=1)
    with torch.inference_mode():
        conv_of_upsampled(torch.randn(1, 5, 7, 11), conv, 4)
    conv_of_upsampled(torch.randn(1, 5, 7, 11), conv, 4).sum().backward()
    assert conv.weight.grad.abs().sum() > 0
