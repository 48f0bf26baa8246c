from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.errors import SceneError
from mmcd.scene.settings import SceneOutputs, SceneSettings


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
