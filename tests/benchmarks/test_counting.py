from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from benchmarks import counting
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


def test_attention_on_the_cpu():
    query = torch.rand(1, 2, 16, 8)
    _, flops, uncounted = count_flops(lambda: F.scaled_dot_product_attention(query, query, query))
    assert flops == 2 * (2 * 2 * 16 * 16 * 8)
    assert uncounted == []


@pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, '_convolution_pointwise'), reason='PyTorch without mkldnn'
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


def test_what_is_not_counted_is_named(monkeypatch):
    monkeypatch.setattr(counting, '_own_formulas', dict)
    query = torch.rand(1, 2, 16, 8)
    _, flops, uncounted = count_flops(lambda: F.scaled_dot_product_attention(query, query, query))
    assert flops == 0
    assert uncounted == ['aten._scaled_dot_product_flash_attention_for_cpu']
