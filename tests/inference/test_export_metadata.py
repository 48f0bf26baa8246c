from __future__ import annotations

import dataclasses
import json

import pytest

from mmcd.errors import ExportError, MMCDError
from mmcd.export.deepness import deepness_properties
from mmcd.inference.export_metadata import FORMAT, ExportMetadata
from mmcd.structures import BINARY_CHANGE, ChangeClasses, ImageSpec, ImageStatistics

METADATA = ExportMetadata(
    network='UNetEncoder + DARNetHead',
    config='darnet_levir',
    weights_sha256='0' * 64,
    classes=BINARY_CHANGE,
    image=ImageSpec(metres_per_pixel=0.5),
    layout='separate',
    size_divisor=16,
    threshold=0.4,
    tile_size=256,
    form='restructured',
    mmcd_version='0.1.0',
)


def test_properties_are_json_under_one_prefix_and_read_back_the_same() -> None:
    properties = METADATA.to_properties()
    assert properties['mmcd.format'] == str(FORMAT)
    assert json.loads(properties['mmcd.classes']) == ['unchanged', 'changed']
    assert all(key.startswith('mmcd.') for key in properties)
    others = {'resolution': '50', 'author': 'not JSON'}
    assert ExportMetadata.from_properties(properties | others, 'x.onnx') == METADATA


def test_later_fields_of_the_same_format_are_no_fault() -> None:
    properties = METADATA.to_properties() | {'mmcd.later': '1'}
    assert ExportMetadata.from_properties(properties, 'x.onnx') == METADATA


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'mmcd.format': None}, 'x.onnx was not exported by mmcd'),
        ({'mmcd.format': '3'}, r'newer mmcd \(format 3, this one reads 2\)'),
        ({'mmcd.bands': None}, "damaged .*KeyError: 'bands'"),
        ({'mmcd.classes': '["a'}, 'damaged .*JSONDecodeError'),
        ({'mmcd.layout': '"sideways"'}, "no such layout: 'sideways'"),
        ({'mmcd.size_divisor': '0'}, 'size_divisor is 0'),
        ({'mmcd.tile_size': '"512"'}, "tile_size is '512'"),
        ({'mmcd.statistics': '{"mean": [1]}'}, "damaged .*KeyError: 'deviation'"),
        ({'mmcd.threshold': '"high"'}, 'damaged .*ValueError'),
    ],
)
def test_unusable_properties_are_named(change: dict[str, str | None], message: str) -> None:
    changed = METADATA.to_properties() | change
    properties = {key: value for key, value in changed.items() if value is not None}
    with pytest.raises(ExportError, match=message) as caught:
        ExportMetadata.from_properties(properties, 'x.onnx')
    assert isinstance(caught.value, MMCDError) and isinstance(caught.value, RuntimeError)


def test_deepness_gets_its_own_keys_in_its_own_units() -> None:
    values = {key: json.loads(text) for key, text in deepness_properties(METADATA).items()}
    assert values == {
        'model_type': 'Segmentor',
        'class_names': {'0': 'unchanged', '1': 'changed'},
        'resolution': 50.0,  # centimetres
        'tile_size': 256,
        'tiles_size': 256,
        'tiles_overlap': 25,  # percent
        'seg_thresh': 0.4,
        'seg_small_segment': 0,
        'standardization_mean': [0.0] * 6,
        'standardization_std': [1.0] * 6,
    }


def test_no_resolution_is_made_up() -> None:
    unsaid = dataclasses.replace(METADATA, image=ImageSpec())
    assert 'resolution' not in deepness_properties(unsaid)


def test_files_of_the_first_format_are_read() -> None:
    properties = METADATA.to_properties() | {'mmcd.format': '1', 'mmcd.resolution': '0.25'}
    for later in ('image', 'palette', 'form'):
        del properties[f'mmcd.{later}']
    old = ExportMetadata.from_properties(properties, 'old.onnx')
    assert old.image == ImageSpec(metres_per_pixel=0.25) and old.classes == BINARY_CHANGE
    of_four = ExportMetadata.from_properties(properties | {'mmcd.bands': '4'}, 'old.onnx')
    assert of_four.image.num_bands == 4 and not of_four.image.is_rgb


def test_other_images_and_classes_travel() -> None:
    image = ImageSpec(('red', 'nir'), 'uint16', value_range=(0, 10_000), metres_per_pixel=10)
    classes = ChangeClasses(('unchanged', 'water', 'built'), ((0, 0, 0), (0, 0, 255), (255, 0, 0)))
    described = dataclasses.replace(METADATA, image=image, classes=classes)
    assert described.input_dtype == 'float32' and METADATA.input_dtype == 'uint8'
    standardised = dataclasses.replace(METADATA, image=ImageSpec(standardize=True))
    assert standardised.input_dtype == 'float32'
    assert ExportMetadata.from_properties(described.to_properties(), 'x.onnx') == described


def test_statistics_of_the_training_images_travel() -> None:
    """Scenes of another value range are stretched by them."""
    known = dataclasses.replace(
        METADATA, statistics=ImageStatistics((90.0, 80.0, 70.0), (30.0, 31.0, 32.0))
    )
    assert ExportMetadata.from_properties(known.to_properties(), 'x.onnx') == known
