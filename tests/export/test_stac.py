"""The STAC item of an exported model."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from mmcd.export.onnx_export import ExportReport
from mmcd.export.parity import Deviation
from mmcd.export.stac import write_model_item
from mmcd.inference.export_metadata import DEEPNESS, SEPARATE, STACKED, ExportMetadata
from mmcd.structures import ChangeClasses, ImageSpec


def report(path: Path, layout: str, **changes) -> ExportReport:
    path.write_bytes(b'a model')
    values = dict(
        network='UNetEncoder + DARNetHead',
        config='darnet_mine',
        weights_sha256='ab' * 32,
        classes=ChangeClasses(),
        image=ImageSpec(metres_per_pixel=0.5),
        layout=layout,
        size_divisor=16,
        threshold=0.4,
        tile_size=256,
        form='restructured',
        mmcd_version='0.1.0',
    )
    return ExportReport(path, ExportMetadata(**{**values, **changes}), Deviation(0, 0, 1), 950_000)


def item_of(path: Path, layout: str, **changes) -> dict:
    written = write_model_item(report(path, layout, **changes))
    assert written == path.with_name('model.stac.json')
    return json.loads(written.read_text())


def test_a_model_of_two_inputs(tmp_path: Path) -> None:
    item = item_of(tmp_path / 'model.onnx', SEPARATE)
    properties = item['properties']
    assert item['geometry'] is None and 'bbox' not in item
    assert 'https://stac-extensions.github.io/mlm/v1.5.0/schema.json' in item['stac_extensions']
    assert properties['mlm:name'] == 'darnet_mine' and properties['gsd'] == 0.5
    # The extension's list of tasks is closed.
    assert properties['mlm:tasks'] == ['semantic-segmentation']
    assert properties['keywords'] == ['change-detection']
    assert properties['mlm:total_parameters'] == 950_000
    assert properties['mlm:hyperparameters']['threshold'] == 0.4
    assert [each['name'] for each in properties['mlm:input']] == ['before', 'after']
    for each in properties['mlm:input']:
        assert each['bands'] == ['red', 'green', 'blue']
        assert each['input'] == dict(
            shape=[-1, 3, -1, -1],
            dim_order=['batch', 'bands', 'height', 'width'],
            data_type='uint8',
        )
        assert 'height and width are multiples of 16' in each['description']
    (output,) = properties['mlm:output']
    assert output['result']['shape'] == [-1, 1, -1, -1]
    assert [each['name'] for each in output['classification:classes']] == ['changed']
    model = item['assets']['model']
    assert model['href'] == './model.onnx' and 'mlm:model' in model['roles']
    assert model['file:checksum'] == '1220' + hashlib.sha256(b'a model').hexdigest()
    # Where the extension looks for them.
    assert properties['bands'] == [dict(name='red'), dict(name='green'), dict(name='blue')]


def test_several_kinds_and_bands_in_one_input(tmp_path: Path) -> None:
    classes = ChangeClasses(('same', 'built up', 'cut'), ((0, 0, 0), (1, 2, 255), (9, 9, 9)))
    image = ImageSpec(bands=('red', 'nir'), dtype='uint16')
    item = item_of(tmp_path / 'model.onnx', STACKED, classes=classes, image=image)
    (taken,) = item['properties']['mlm:input']
    assert taken['bands'] == ['before-red', 'before-nir', 'after-red', 'after-nir']
    assert taken['input']['shape'] == [-1, 4, -1, -1]
    assert taken['input']['data_type'] == 'float32'
    (output,) = item['properties']['mlm:output']
    assert output['result']['shape'] == [-1, 2, -1, -1]
    assert output['classification:classes'] == [
        dict(
            value=1,
            name='built_up',
            title='built up',
            description='built up',
            color_hint='0102FF',
        ),
        dict(value=2, name='cut', title='cut', description='cut', color_hint='090909'),
    ]
    assert 'gsd' not in item['properties']


def test_that_images_are_to_be_standardised_is_said(tmp_path: Path) -> None:
    item = item_of(tmp_path / 'model.onnx', STACKED, image=ImageSpec(standardize=True))
    (taken,) = item['properties']['mlm:input']
    assert taken['input']['data_type'] == 'float32'
    assert 'standardised: each date less its mean and divided by' in taken['description']


def test_a_file_of_one_size_says_so(tmp_path: Path) -> None:
    item = item_of(tmp_path / 'model.onnx', DEEPNESS)
    (taken,) = item['properties']['mlm:input']
    assert taken['input']['shape'] == [-1, 6, 256, 256]
    assert taken['input']['data_type'] == 'float32' and 'divided by 255' in taken['description']
    assert taken['value_scaling'] == [dict(type='scale', value=255)]


@pytest.mark.parametrize(
    ('config', 'name'),
    [
        (None, 'UNetEncoder-DARNetHead'),
        ('darnet_mine', 'darnet_mine'),
        ('3d', 'mmcd-3d'),
        ('模型', 'mmcd-model'),
    ],
)
def test_a_name_is_one_that_the_extension_takes(tmp_path: Path, config, name: str) -> None:
    item = item_of(tmp_path / 'model.onnx', SEPARATE, config=config)
    assert item['properties']['mlm:name'] == name
    # The pattern of the extension's schema.
    assert re.fullmatch(r'[a-zA-Z][a-zA-Z0-9_.\-\s]+[a-zA-Z0-9]', name)
