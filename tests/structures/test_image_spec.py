from __future__ import annotations

import numpy as np
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


def test_pixels_that_are_not_valid_do_not_count_for_the_contrast() -> None:
    image = np.linspace(100, 200, 300, dtype=np.float32).reshape(10, 10, 3)
    valid = np.ones((10, 10), bool)
    valid[:3] = False
    image[:3] = -9999
    spec = ImageSpec(dtype='float32')
    assert spec.to_display(image)[3:].min() > 245
    shown = spec.to_display(image, valid)[3:]
    assert shown.min() == 0 and shown.max() == 255
