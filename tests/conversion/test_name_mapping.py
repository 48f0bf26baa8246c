from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mmcd.conversion.name_mapping import NameMapping, convert
from mmcd.errors import CheckpointError


def rename(released: str) -> str | None:
    module, _, parameter = released.rpartition('.')
    ours = {'stem': 'backbone.stem', 'aux': 'head.aux', 'aux2': 'head.aux2'}.get(module)
    return f'{ours}.{parameter}' if ours else None


MAPPING = NameMapping(
    network='Net',
    rename=rename,
    dropped={'dead.': 'never called'},
    optional={'aux': 'serves training only'},
)


def tensors(*names: str, size: int = 2) -> dict[str, Tensor]:
    return {name: torch.full((size,), float(i)) for i, name in enumerate(names)}


def test_renames_and_keeps_the_values():
    released = tensors('stem.weight', 'stem.bias')
    result = convert(released, MAPPING, tensors('backbone.stem.bias', 'backbone.stem.weight'))
    assert result.state_dict.keys() == {'backbone.stem.weight', 'backbone.stem.bias'}
    assert result.state_dict['backbone.stem.bias'] is released['stem.bias']
    assert result.dropped == {}


def test_the_prefix_of_data_parallel_is_left_off():
    released = tensors('module.stem.weight', 'module.dead.weight')
    result = convert(released, MAPPING, tensors('backbone.stem.weight'))
    assert list(result.state_dict) == ['backbone.stem.weight']
    assert result.dropped == {'dead.weight': 'never called'}


def test_dropped_names_come_with_their_reason():
    released = tensors('stem.weight', 'dead.weight', 'dead.deep.bias')
    result = convert(released, MAPPING, tensors('backbone.stem.weight'))
    assert result.dropped == dict.fromkeys(('dead.weight', 'dead.deep.bias'), 'never called')


def test_optional_parts_are_kept_where_the_model_has_them():
    released = tensors('stem.weight', 'aux.weight', 'aux2.weight')
    ours = 'backbone.stem.weight', 'head.aux.weight', 'head.aux2.weight'
    assert set(convert(released, MAPPING, tensors(*ours)).state_dict) == set(ours)
    result = convert(released, MAPPING, tensors('backbone.stem.weight'))
    assert result.dropped == dict.fromkeys(('aux.weight', 'aux2.weight'), 'serves training only')


def test_optional_parts_are_strict_where_the_model_has_some():
    released = tensors('stem.weight', 'aux.weight', 'aux2.weight')
    expected = tensors('backbone.stem.weight', 'head.aux.weight')
    with pytest.raises(CheckpointError, match=r'1 unknown:\n  head\.aux2\.weight'):
        convert(released, MAPPING, expected)
    with pytest.raises(CheckpointError, match=r'1 missing:\n  head\.aux2\.weight'):
        convert(
            tensors('stem.weight', 'aux.weight'), MAPPING, expected | tensors('head.aux2.weight')
        )


def test_all_faults_are_listed_together():
    released = tensors('stem.weight', 'other.b', 'other.a') | tensors('stem.extra', size=1)
    expected = tensors('backbone.stem.bias') | tensors('backbone.stem.weight', size=3)
    with pytest.raises(CheckpointError) as caught:
        convert(released, MAPPING, expected)
    assert str(caught.value).splitlines() == [
        'This is no checkpoint of the Net model that the config describes.',
        '2 not known to Net:',
        '  other.a',
        '  other.b',
        'Under our names:',
        '1 missing:',
        '  backbone.stem.bias',
        '1 unknown:',
        '  backbone.stem.extra',
        '1 of another shape:',
        '  backbone.stem.weight: (2,), expected (3,)',
    ]


def test_unknown_names_alone_are_an_error():
    released = tensors('stem.weight', 'other.weight')
    with pytest.raises(CheckpointError, match=r'1 not known to Net:\n  other\.weight$'):
        convert(released, MAPPING, tensors('backbone.stem.weight'))
