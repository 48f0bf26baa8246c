from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mmcd.inference.blockwise_upsampling import UpsampledConv
from mmcd.models.layers.upsampled_conv import tap_weights


def both_ways(
    scale: int, height: int, width: int, *, traceable: bool, strips: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """The convolution behind the up-sampling, and before it; (N, C, H, W) in float64."""
    torch.manual_seed(scale * height + width)
    conv = nn.Conv2d(5, 3, 3, padding=1).double()
    x = torch.randn(2, 5, height, width, dtype=torch.float64)
    up = F.interpolate(x, scale_factor=scale, mode='bilinear', align_corners=False)
    branch = UpsampledConv(scale, conv.bias)
    branch.traceable = traceable
    taps = F.conv2d(x, tap_weights(conv))
    if not strips:
        return conv(up), branch(taps)
    rows = torch.full((2, scale * height, scale * width, 3), torch.nan, dtype=torch.float64)
    for image, start, stop, part in branch.strips(taps):
        rows[image, start:stop] = part
    return conv(up), rows.permute(0, 3, 1, 2)


@torch.no_grad()
@pytest.mark.parametrize('scale', [1, 2, 4, 8, 16])
@pytest.mark.parametrize(('height', 'width'), [(1, 1), (2, 3), (16, 16), (17, 40), (33, 5)])
def test_it_is_the_convolution_of_the_enlarged_map(scale: int, height: int, width: int) -> None:
    """At the borders too: zero padding, and bilinear interpolation beyond the last centre."""
    for form in (dict(traceable=False), dict(traceable=True), dict(traceable=False, strips=True)):
        expected, given = both_ways(scale, height, width, **form)
        torch.testing.assert_close(given, expected, rtol=0, atol=1e-12, msg=str(form))


@torch.no_grad()
def test_the_strips_cover_the_map_once() -> None:
    branch = UpsampledConv(4, torch.zeros(3))
    parts = [
        (image, start, stop) for image, start, stop, _ in branch.strips(torch.ones(2, 27, 40, 7))
    ]
    assert parts == [(i, 4 * a, 4 * b) for i in range(2) for a, b in ((0, 16), (16, 32), (32, 40))]
