"""Names of the official PRX-Change checkpoints and ours."""

from __future__ import annotations

import re

from mmcd.conversion.name_mapping import NameMapping

# Official module names under `change_head.tf{i}.` -> ours in a fusion level.
_FUSION = {
    'upsample': 'upsample',
    'norm': 'norm',
    'conv.linear.0': 'squeeze_reduce.excite.0',
    'conv.linear.2': 'squeeze_reduce.excite.2',
    'conv.reduce_conv.0': 'squeeze_reduce.reduce.0',
    'conv.reduce_conv.1': 'squeeze_reduce.reduce.1',
    'conv.conv.0': 'squeeze_reduce.refine.0',
    'conv.conv.1': 'squeeze_reduce.refine.1',
}
_DEEPEST_FUSION = {'norm': 'norm', 'conv': 'reduce'}

# Official module names under `change_head.tf{i}.x_cross.` -> ours in a cross-attention.
_CROSS_ATTENTION = {
    'embed.proj': 'embed',
    'to_feature.conv': 'project',
    'norm': 'norm',
    'atten.0.norm1': 'block.input_norm',
    'atten.0.attn.qkv': 'block.qkv',
    'atten.0.attn.norm': 'block.qkv_norm',
    'atten.0.norm': 'block.context_norm',
    'atten.0.mlp.fc1': 'block.mlp.fc1',
    'atten.0.mlp.norm1': 'block.mlp.norm1',
    'atten.0.mlp.fc2': 'block.mlp.fc2',
    'atten.0.mlp.norm2': 'block.mlp.norm2',
}
_TIME_TOKENS = {'time_token_b': 'before_token', 'time_token_a': 'after_token'}

# Official module names under `change_head.` -> ours in the decoder.
_OUTPUT = {'upsample1': 'upsample1', 'upsample2': 'upsample2', 'outc.conv': 'classifier'}

_RESNET = re.compile(
    r'backbone\.(?:conv1|bn1|layer[1-4]\.\d+\.(?:conv[123]|bn[123]|downsample\.[01]))\.\w+'
)


def _module_names() -> dict[str, str]:
    """Official name -> ours for every module, and for the parameters that stand alone."""
    names = {f'change_head.{o}': f'decode_head.decoder.{u}' for o, u in _OUTPUT.items()}
    for i in range(4):
        level = 3 - i  # theirs count from deep to shallow, ours from shallow to deep
        official, refinement = f'change_head.tf{i}', f'decode_head.refinement.levels.{level}'
        fusion = f'tri_fusions.{level}' if i else 'deepest_fusion'
        for o, u in (_FUSION if i else _DEEPEST_FUSION).items():
            names[f'{official}.{o}'] = f'decode_head.decoder.{fusion}.{u}'
        for o, u in (_CROSS_ATTENTION | _TIME_TOKENS).items():
            names[f'{official}.x_cross.{o}'] = f'decode_head.decoder.cross_attention.{level}.{u}'
        names[f'change_head.PFRM.proj.{i}'] = f'{refinement}.coarse_logit'
        for module in ('fc1', 'norm', 'fc2'):
            names[f'change_head.PFRM.refine_head.{i}.mlp.{module}'] = f'{refinement}.mlp.{module}'
    return names


_MODULES = _module_names()


def prx_name(official_name: str) -> str | None:
    """Our name of an official parameter or buffer; None when we have none for it.

    The encoder's names are torchvision's, which mmpretrain's ResNet has too.
    """
    if _RESNET.fullmatch(official_name):
        return official_name
    if official_name in _MODULES:
        return _MODULES[official_name]
    module, _, leaf = official_name.rpartition('.')
    return f'{_MODULES[module]}.{leaf}' if module in _MODULES else None


PRX = NameMapping(
    network='PRX-Change',
    rename=prx_name,
    dropped={
        'change_head.tf0.upsample.': 'never used: the deepest level has none deeper to upsample',
    },
    optional={
        'change_head.PFRM.': 'the refinement serves training only, in its second and third stage',
    },
)
