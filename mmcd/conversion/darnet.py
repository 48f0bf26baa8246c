"""The names in DARNet's release, and ours for them."""

from __future__ import annotations

from mmcd.conversion.name_mapping import NameMapping

LEVELS = range(1, 6)


def _module_names() -> dict[str, str]:
    """Released module name to ours; parameters keep their names within a module."""
    decoder = 'decode_head.decoder'
    names: dict[str, str] = {}
    for level in LEVELS:
        for step in (1, 2):
            ours = f'backbone.levels.{level - 1}.{step - 1}'
            names[f'conv{level}.conv{step}.0'] = f'{ours}.conv'
            names[f'conv{level}.conv{step}.1'] = f'{ours}.bn'
        for part in ('conv1', 'bn1', 'conv2', 'bn2'):
            names[f'sta_d{level}_conv.{part}'] = f'{decoder}.change.{level}.{part}'
        for part in ('fc1', 'fc2'):
            names[f'ca_d{level}.{part}'] = f'{decoder}.channel_attention.{level}.{part}'
        names[f'lr{level}_outconv'] = f'{decoder}.classify.{level}'
    for level in LEVELS[1:]:  # there is no attention at level 1
        names[f'sta_d{level}.Self_Att'] = f'{decoder}.attention.{level}'
        for part in ('query', 'key', 'value'):
            names[f'sta_d{level}.Self_Att.{part}_conv'] = f'{decoder}.attention.{level}.{part}'
    for level in LEVELS[:-1]:
        names[f'conv{level}d_1'] = f'{decoder}.fuse.{level}.conv'
        names[f'bn{level}d_1'] = f'{decoder}.fuse.{level}.bn'
        for source in LEVELS:
            # The release calls a branch by what it does: pool, keep, or enlarge.
            kind = 'PT' if source < level else 'Cat' if source == level else 'UT'
            head = f'h{source}' if source <= level else f'hd{source}'
            branch = 'skip' if source <= level else 'deep'
            for part in ('conv', 'bn'):
                released = f'{head}_{kind}_hd{level}_{part}'
                names[released] = f'{decoder}.{branch}.{source}_to_{level}.{part}'
    return names


_MODULES = _module_names()


def darnet_name(released: str) -> str | None:
    """Our name for one of DARNet's released state dict, None for an unknown one."""
    module, _, parameter = released.rpartition('.')
    ours = _MODULES.get(module)
    return f'{ours}.{parameter}' if ours else None


DARNET = NameMapping(
    network='DARNet',
    rename=darnet_name,
    dropped={'sta_d1.': 'the attention of level 1, which the release builds and never calls'},
)
