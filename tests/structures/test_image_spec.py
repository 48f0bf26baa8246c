from __future__ import annotations

import pytest

from mmcd.errors import ConfigError
from mmcd.structures import ImageSpec


@pytest.mark.parametrize('config', [3, 'rgb', ['red', 'green'], True])
def test_what_is_no_dict(config: object) -> None:
    with pytest.raises(ConfigError, match=r'is a dict, such as image = dict\(bands=.*, not '):
        ImageSpec.from_config(config)


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('bands', 3),
        ('dtype', 3),
        ('file_bands', 3),
        ('file_bands', ['a', 'b', 'c']),
        ('value_range', 3),
        ('value_range', [0, 'a']),
        ('display_range', 3),
        ('display_bands', 3),
        ('metres_per_pixel', 'fine'),
        ('dtype', ['uint8']),
    ],
)
def test_fields_of_the_wrong_kind(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match='The image description cannot be used: '):
        ImageSpec.from_config({field: value})
