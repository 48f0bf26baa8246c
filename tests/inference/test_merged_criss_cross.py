from __future__ import annotations

import copy

import pytest
import torch

from mmcd.inference import merged_criss_cross, strips
from mmcd.inference.merged_criss_cross import MergedCrissCross, _attend, _attend_fused
from mmcd.models.layers.criss_cross_attention import CrissCrossAttention


def trained_attention(channels: int, spread: float) -> CrissCrossAttention:
    torch.manual_seed(0)
    attention = CrissCrossAttention(channels, recurrence=1).double()
    for weight in attention.parameters():
        weight.data.normal_(0, spread)
    return attention


@torch.no_grad()
@pytest.mark.parametrize('form', ['in strips', 'traceable', 'in the fused kernel'])
@pytest.mark.parametrize(('height', 'width'), [(1, 1), (1, 6), (6, 1), (5, 8), (12, 4)])
def test_the_merged_softmaxes_are_the_one(
    height: int, width: int, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention = trained_attention(16, 0.5)
    merged = MergedCrissCross(attention)
    merged.traceable = form == 'traceable'
    x = torch.randn(2, 16, height, width, dtype=torch.float64)
    if form != 'in the fused kernel':  # which reduced precisions and narrow maps take
        monkeypatch.setattr(merged_criss_cross, 'NARROW', 0)
    torch.testing.assert_close(merged(x), attention(x), rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_the_fused_kernel_takes_any_layout() -> None:
    """On its own it gives wrong values, without a word, for queries in another layout."""
    sizes = 4, 4, 16
    parts = [torch.randn(2, 12, 9, size, dtype=torch.float64) for size in sizes]
    parts = [part.contiguous(memory_format=torch.channels_last) for part in parts]
    for found, expected in zip(_attend_fused(*parts), _attend(*parts), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@torch.no_grad()
def test_bfloat16_is_off_by_its_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = trained_attention(16, 0.3).to(torch.bfloat16)
    x = torch.randn(1, 16, 9, 12).to(torch.bfloat16)
    expected = copy.deepcopy(attention).double()(x.double())
    merged = MergedCrissCross(attention)
    # In strips it would not come to the kernel.
    monkeypatch.setattr(merged_criss_cross, '_attend_in_strips', None)
    assert (merged(x).double() - expected).abs().max() < 2e-2 * expected.abs().max()


@torch.no_grad()
@pytest.mark.parametrize('narrow', [0, 16])
@pytest.mark.parametrize('spread', [3.0, 30.0])
def test_affinities_that_overflow_an_exponential(
    spread: float, narrow: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows and columns whose largest affinities are thousands apart."""
    monkeypatch.setattr(merged_criss_cross, 'NARROW', narrow)
    attention = trained_attention(16, spread)
    x = torch.randn(1, 16, 6, 8, dtype=torch.float64)
    expected = attention(x)
    given = MergedCrissCross(attention.float())(x.float())
    assert given.isfinite().all()
    assert (given - expected).abs().max() < 1e-4 * expected.abs().max()


@torch.no_grad()
def test_in_many_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    attention = trained_attention(16, 0.5)
    x = torch.randn(2, 16, 9, 7, dtype=torch.float64)
    monkeypatch.setattr(merged_criss_cross, 'NARROW', 0)
    whole = MergedCrissCross(attention)(x)
    monkeypatch.setattr(strips, 'CPU_BYTES', 512)
    assert len(list(strips.strips(9, 4 * 49, x))) > 3
    torch.testing.assert_close(MergedCrissCross(attention)(x), whole, rtol=1e-12, atol=1e-12)
