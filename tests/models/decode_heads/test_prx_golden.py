"""Parity with what the released PRX-Change gave (commit 6dbe186), through the converter's table."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmcd.conversion.name_mapping import convert
from mmcd.conversion.prx import PRX, prx_name
from mmcd.models.decode_heads.prx_decoder import PRXDecoded, PRXDecoder
from mmcd.models.layers.pair_ops import apply_to_dates
from mmcd.models.layers.point_refinement import ProgressiveRefinement
from tests.golden import (
    build_case,
    needs_golden,
    read_golden,
    relative_error,
    released_state_dict,
)

pytestmark = needs_golden
CASES = [('r18', 'square'), ('r18', 'wide'), ('r18_cross', 'square')]
LOGIT_TOLERANCE = 5e-4


class Network(nn.Module):
    """Encoder, decoder and refinement under the names that the whole model gives them."""

    def __init__(self, depth: int, *, cross_attention: bool, refinement: bool) -> None:
        super().__init__()
        from mmpretrain.models import ResNet

        self.backbone = ResNet(depth=depth, out_indices=(0, 1, 2, 3))
        self.decode_head = nn.Module()
        self.decode_head.decoder = PRXDecoder(cross_attention=cross_attention)
        if refinement:
            self.decode_head.refinement = ProgressiveRefinement()

    def forward(self, before: Tensor, after: Tensor) -> PRXDecoded:
        pyramids = apply_to_dates(self.backbone, before, after, one_batch=True)
        return self.decode_head.decoder(*pyramids)


@pytest.fixture(scope='module')
def golden() -> tuple[dict, dict[str, np.ndarray]]:
    return read_golden('prx')


def build_network(facts: dict, variant_name: str, *, refinement: bool) -> Network:
    variant = next(v for v in facts['variants'] if v['name'] == variant_name)
    network = Network(
        variant['depth'], cross_attention=variant['cross_attention'], refinement=refinement
    )
    official = released_state_dict(variant['state_dict'])
    network.load_state_dict(convert(official, PRX, network.state_dict()).state_dict, strict=True)
    return network


def build_inputs(facts: dict, case: dict) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised dates in the memory layout of the golden run, and the label."""
    before, after, label = build_case(case)
    mean, std = np.float32(facts['mean']), np.float32(facts['std'])
    dates = [torch.from_numpy((x.astype(np.float32) / 255 - mean) / std) for x in (before, after)]
    return *(x.permute(0, 3, 1, 2) for x in dates), torch.from_numpy(label)


@pytest.mark.parametrize(('variant_name', 'case_name'), CASES)
def test_eval_values(golden, variant_name, case_name):
    facts, arrays = golden
    network = build_network(facts, variant_name, refinement=True).eval()
    variant = next(v for v in facts['variants'] if v['name'] == variant_name)
    case = next(c for c in variant['cases'] if c['name'] == case_name)
    before, after, _ = build_inputs(facts, case)
    expected = {
        k.split('/')[2]: v
        for k, v in arrays.items()
        if k.startswith(f'{variant_name}/{case_name}/')
    }
    with torch.no_grad():
        logit, fused = network(before, after)
        assert relative_error(logit, expected['logit']) < LOGIT_TOLERANCE
        # The golden levels count from deep to shallow.
        levels = zip(reversed(network.decode_head.refinement.levels), reversed(fused), strict=True)
        for i, (level, features) in enumerate(levels):
            coarse = level.coarse_logit(features)
            points = torch.from_numpy(expected[f'points{i}'])
            refined = level.refine(features, coarse, points)
            assert relative_error(coarse, expected[f'proj{i}']) < LOGIT_TOLERANCE, i
            assert relative_error(refined, expected[f'refined{i}']) < LOGIT_TOLERANCE, i


def test_every_golden_case_is_tested(golden):
    facts, _ = golden
    assert [(v['name'], c['name']) for v in facts['variants'] for c in v['cases']] == CASES


@pytest.fixture
def two_threads() -> Iterator[None]:
    """The thread count of the golden run: with another, one ReLU near a tie falls otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_first_step_and_loss_trajectory(golden):
    facts, arrays = golden
    train = facts['train']
    network = build_network(facts, train['variant'], refinement=False).train()
    before, after, label = build_inputs(facts, train)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=train['lr'], eps=train['eps'], weight_decay=train['weight_decay']
    )
    losses = []
    for step in range(train['steps']):
        logit = network(before, after).logit
        if step == 0:
            assert relative_error(logit, arrays['train/train_logit']) < LOGIT_TOLERANCE
        loss = F.binary_cross_entropy_with_logits(logit, label[:, None].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(train['losses'][0], rel=1e-5)
    assert losses == pytest.approx(train['losses'], rel=2e-3)


# The golden gradients rest on how rounding falls at ties, see the README of the golden data.
@pytest.mark.parametrize(
    ('layout', 'tolerance'), [(torch.channels_last, 1e-3), (torch.contiguous_format, 1e-2)]
)
def test_gradient_norms(golden, two_threads, layout, tolerance):
    facts, _ = golden
    train = facts['train']
    network = build_network(facts, train['variant'], refinement=False).train()
    before, after, label = build_inputs(facts, train)
    dates = (x.contiguous(memory_format=layout) for x in (before, after))
    logit = network(*dates).logit
    F.binary_cross_entropy_with_logits(logit, label[:, None].float()).backward()
    ours = {name: p.grad.norm().item() for name, p in network.named_parameters()}
    theirs = {prx_name(name): norm for name, norm in train['grad_norms'].items()}
    assert ours.keys() == theirs.keys()
    off = {
        name: (ours[name], norm)
        for name, norm in theirs.items()
        if norm > 1e-5 and abs(ours[name] / norm - 1) > tolerance
    }
    assert off == {}
