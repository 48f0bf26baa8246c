from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks.counting import count_flops


def test_convolution_and_product():
    x, weight, matrix = torch.rand(2, 3, 8, 9), torch.rand(4, 3, 3, 3), torch.rand(5, 6)

    def run():
        return F.conv2d(x, weight, padding=1), matrix @ matrix.T

    output, flops, uncounted = count_flops(run)
    assert output[0].shape == (2, 4, 8, 9)
    assert flops == 2 * (2 * 4 * 8 * 9) * 27 + 2 * 5 * 6 * 5
    assert uncounted == []


def test_backward_counts_twice_more():
    x, weight = torch.rand(1, 3, 8, 8, requires_grad=True), torch.rand(4, 3, 3, 3)
    weight.requires_grad_()
    _, forward, _ = count_flops(lambda: F.conv2d(x, weight))
    _, both, _ = count_flops(lambda: F.conv2d(x, weight).sum().backward())
    assert both == 3 * forward


# Which kernel F.scaled_dot_product_attention takes depends on the processor and on PyTorch, so each
# is named here.
def _math_kernel(query):
    with sdpa_kernel(SDPBackend.MATH):
        return F.scaled_dot_product_attention(query, query, query)


def _flash_kernel(query):
    return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(query, query, query)


@pytest.mark.parametrize('kernel', [_math_kernel, _flash_kernel], ids=['math', 'flash'])
def test_attention_on_the_cpu(kernel):
    query = torch.rand(1, 2, 16, 8)
    _, flops, uncounted = count_flops(lambda: kernel(query))
    assert flops == 2 * (2 * 2 * 16 * 16 * 8)
    assert uncounted == []


@pytest.mark.skipif(
    not (
        torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, '_convolution_pointwise')
    ),
    reason='PyTorch without mkldnn',
)
def test_fused_convolution():
    x, weight, bias = torch.rand(1, 8, 6, 6), torch.rand(16, 8, 3, 3), torch.rand(16)

    def run():
        return torch.ops.mkldnn._convolution_pointwise(
            x, weight, bias, [1, 1], [1, 1], [1, 1], 1, 'relu', [], ''
        )

    output, flops, uncounted = count_flops(run)
    assert flops == 2 * output.numel() * 8 * 9
    assert uncounted == []


def test_what_is_not_counted_is_named():
    # Not an operator of PyTorch's, for each of which a newer release may bring a formula.
    library = torch.library.Library('mmcd_test_counting', 'DEF')
    library.define('attention(Tensor query) -> Tensor')
    library.impl('attention', torch.relu, 'CPU')
    query = torch.rand(1, 2, 16, 8)
    _, flops, uncounted = count_flops(lambda: torch.ops.mmcd_test_counting.attention(query))
    assert flops == 0
    assert uncounted == ['mmcd_test_counting.attention']
