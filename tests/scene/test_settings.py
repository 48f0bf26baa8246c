from __future__ import annotations

import argparse
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from mmcd.errors import SceneError
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import (
    SceneSettings,
    add_scene_arguments,
    scene_settings,
)


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SceneError) as error:
        SceneSettings(
            tile_size=512,
            overlap=600,
            batch_size=0,
            resampling='magic',
            value_range=(3, 3),
            bands=(),
        )
    text = str(error.value)
    for fault in ('overlap', 'batch size', 'resampling', 'value range', 'bands'):
        assert f'{fault}:' in text
    assert 'threshold' not in text


def test_endings_tell_the_format() -> None:
    with pytest.raises(SceneError, match=r'map\.png must end in \.tif or \.tiff'):
        SceneOutputs(Path('map.png'))
    with pytest.raises(SceneError, match=r'\.gpkg or \.geojson'):
        SceneOutputs(Path('map.tif'), vectors=Path('map.shp'))


def test_two_outputs_of_one_name() -> None:
    with pytest.raises(SceneError, match='one name'):
        SceneOutputs.named('map.tif', 'map.tif', None)


def test_the_report_lies_beside_the_map() -> None:
    outputs = SceneOutputs.named('a/map.tif', None, 'a/map.gpkg')
    assert outputs.report == Path('a/map.json')
    assert outputs.needs_probability and not SceneOutputs(Path('map.tif')).needs_probability


def parsed(*options: str) -> SceneSettings:
    parser = argparse.ArgumentParser()
    add_scene_arguments(parser)
    return scene_settings(parser.parse_args(options))


def test_every_setting_is_an_option() -> None:
    assert parsed() == SceneSettings()
    options = {
        '--probability-type': 'float32',
        '--cog': '',
        '--min-area': '2.5',
        '--simplify': '1.5',
        '--zones': 'districts.gpkg',
        '--bands': '4 3 2',
        '--no-data': '-9999',
        '--offset-before': '-1000',
        '--offset-after': '0.5',
        '--allow-remote': '',
        '--resampling': 'cubic',
        '--scaling': 'per-date',
        '--value-range': '0 3000',
        '--resample-to': '0.5',
        '--register': '',
        '--mask': 'clouds.tif shadows.gpkg',
        '--tile': '256',
        '--overlap': '64',
        '--batch-size': '2',
        '--threshold': '0.3',
        '--stac': '',
        '--dates': '2019-08-12 2023-08-16T10:50:31Z',
    }
    words = [word for option, value in options.items() for word in (option, *value.split())]
    settings = parsed(*words)
    assert settings == SceneSettings(
        probability_type='float32',
        cog=True,
        min_area=2.5,
        simplify=1.5,
        zones='districts.gpkg',
        bands=(4, 3, 2),
        no_data=-9999.0,
        offset_before=-1000.0,
        offset_after=0.5,
        resample_to=0.5,
        register=True,
        mask=('clouds.tif', 'shadows.gpkg'),
        resampling='cubic',
        scaling='per-date',
        value_range=(0.0, 3000.0),
        tile_size=256,
        overlap=64,
        batch_size=2,
        threshold=0.3,
        allow_remote=True,
        stac=True,
        dates=('2019-08-12', '2023-08-16T10:50:31Z'),
    )
    assert len(options) == len(dataclasses.fields(settings))


def test_what_is_chosen_of_several_is_one_of_them() -> None:
    with pytest.raises(SceneError, match='probability type: one of uint8, float32, not int16'):
        SceneSettings(probability_type='int16')


@pytest.mark.parametrize(
    ('setting', 'value', 'said'),
    [
        ('offset_before', math.nan, 'offsets: finite values, not nan and None'),
        ('offset_after', -math.inf, 'offsets: finite values, not None and -inf'),
        ('simplify', math.inf, 'simplification: at least 0 and finite, not inf'),
        ('simplify', math.nan, 'simplification: at least 0 and finite, not nan'),
    ],
)
def test_values_that_are_none(setting: str, value: float, said: str) -> None:
    with pytest.raises(SceneError, match=said):
        SceneSettings(**{setting: value})


def test_numbers_of_numpy_and_pytorch_are_taken() -> None:
    """As the plain ones that the report, which is JSON, holds."""
    settings = SceneSettings(
        cog=np.bool_(True),
        min_area=np.float32(3),
        simplify=torch.tensor(0.5),
        bands=np.array([1, 2, 3]),
        no_data=np.uint8(0),
        offset_after=np.int16(-5),
        value_range=np.array([0, 3000], np.uint16),
        resample_to=np.float32(0.5),
        tile_size=np.int64(256),
        overlap=torch.tensor(32),
        batch_size=np.int64(2),
    ).completed(tile_size=512, threshold=np.float32(0.25))
    expected = SceneSettings(
        cog=True,
        min_area=3.0,
        simplify=0.5,
        bands=(1, 2, 3),
        no_data=0.0,
        offset_after=-5.0,
        value_range=(0.0, 3000.0),
        resample_to=0.5,
        tile_size=256,
        overlap=32,
        batch_size=2,
        threshold=0.25,
    )
    assert settings == expected
    assert json.dumps(settings.to_dict()) == json.dumps(expected.to_dict())


def test_values_of_another_type_are_told_with_all_other_faults() -> None:
    with pytest.raises(SceneError) as error:
        SceneSettings(
            threshold='0.2',
            tile_size=(128, 128),
            bands=('red', 'green', 'blue'),
            overlap=32.5,
            min_area=None,
            simplify=torch.zeros(2),
            cog='no',
            zones=3,
            value_range=(1, 2, 3),
            resample_to='best',
            batch_size=0,
        )
    lines = str(error.value).splitlines()[1:]
    assert [line.strip() for line in lines] == [
        "cog: True or False, not 'no'",
        'min area: a number, not None',
        'simplify: a number, not tensor([0., 0.])',
        'zones: a text, not 3',
        "bands: whole numbers, not ('red', 'green', 'blue')",
        'value range: two numbers, not (1, 2, 3)',
        'resample to: above 0 or "model", not \'best\'',
        'tile size: a whole number, not (128, 128)',
        'overlap: a whole number, not 32.5',
        "threshold: a number, not '0.2'",
        'batch size: at least 1, not 0',
    ]
