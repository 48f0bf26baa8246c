from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mmcd.conversion.name_mapping import convert
from mmcd.conversion.prx import PRX, prx_name
from mmcd.errors import CheckpointError
from mmcd.models.decode_heads.prx_decoder import PRXDecoder
from mmcd.models.layers.point_refinement import ProgressiveRefinement
from tests.golden import needs_golden, read_golden, released_state_dict

DEAD = {'change_head.tf0.upsample.weight', 'change_head.tf0.upsample.bias'}


def our_state_dict(*, cross_attention: bool, refinement: bool) -> dict[str, Tensor]:
    """Names and shapes of the ResNet-18 model under the names that the whole model gives them."""
    from mmpretrain.models import ResNet

    network = nn.Module()
    network.backbone = ResNet(depth=18, out_indices=(0, 1, 2, 3))
    network.decode_head = nn.Module()
    network.decode_head.decoder = PRXDecoder(cross_attention=cross_attention)
    if refinement:
        network.decode_head.refinement = ProgressiveRefinement()
    return network.state_dict()


@pytest.fixture(scope='module')
def variants() -> dict[str, dict[str, Tensor]]:
    facts, _ = read_golden('prx')
    return {v['name']: released_state_dict(v['state_dict']) for v in facts['variants']}


def test_names_of_each_kind():
    assert prx_name('backbone.layer2.0.downsample.1.bias') == 'backbone.layer2.0.downsample.1.bias'
    head = 'decode_head.decoder'
    assert prx_name('change_head.tf0.conv.weight') == f'{head}.deepest_fusion.reduce.weight'
    assert prx_name('change_head.tf1.norm.bias') == f'{head}.tri_fusions.2.norm.bias'
    assert prx_name('change_head.tf3.upsample.bias') == f'{head}.tri_fusions.0.upsample.bias'
    token = 'change_head.tf2.x_cross.time_token_b'
    assert prx_name(token) == f'{head}.cross_attention.1.before_token'
    point = prx_name('change_head.PFRM.refine_head.3.mlp.fc1.weight')
    assert point == 'decode_head.refinement.levels.0.mlp.fc1.weight'


@pytest.mark.parametrize(
    'name', ['', 'change_head.tf9.norm.weight', 'backbone.fc.weight', *sorted(DEAD)]
)
def test_unknown_names(name):
    assert prx_name(name) is None


@needs_golden
@pytest.mark.parametrize('refinement', [False, True])
@pytest.mark.parametrize('variant', ['r18', 'r18_cross'])
def test_every_released_name_is_one_of_ours_or_dropped(variants, variant, refinement):
    official = variants[variant]
    expected = our_state_dict(cross_attention=variant == 'r18_cross', refinement=refinement)
    result = convert(official, PRX, expected)
    assert result.state_dict.keys() == expected.keys()
    assert len(result.state_dict) + len(result.dropped) == len(official)
    rest = result.dropped.keys() - DEAD
    assert result.dropped.keys() >= DEAD
    assert all(name.startswith('change_head.PFRM.') for name in rest)
    assert bool(rest) is not refinement
    for name, reason in result.dropped.items():
        assert ('never used' if name in DEAD else 'serves training only') in reason


@needs_golden
def test_a_checkpoint_of_another_stage_is_refused(variants):
    plain = our_state_dict(cross_attention=False, refinement=False)
    cross = our_state_dict(cross_attention=True, refinement=False)
    with pytest.raises(CheckpointError, match=r'unknown:\n  decode_head\.decoder\.cross_attention'):
        convert(variants['r18_cross'], PRX, plain)
    with pytest.raises(CheckpointError, match=r'missing:\n  decode_head\.decoder\.cross_attention'):
        convert(variants['r18'], PRX, cross)


def test_unknown_names_are_listed():
    with pytest.raises(CheckpointError, match=r'1 not known to PRX-Change:\n  change_head\.tf9'):
        convert({'change_head.tf9.norm.weight': torch.zeros(1)}, PRX, {})
