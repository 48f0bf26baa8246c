"""Exported files in place of checkpoints."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mmcd.apis import init_model, predict_pair, predict_scene
from mmcd.config import load_config
from mmcd.errors import ConfigError, ExportError
from mmcd.export import export_onnx
from mmcd.export.onnx_export import describe_report
from mmcd.inference import model_loading
from mmcd.inference.exported import ExportedPredictor
from tests.export.models import tiny_model
from tests.exporting import skip_without_exporter
from tests.models.building import CONFIGS
from tests.scene.rasters import draw_ground, utm, write_raster

skip_without_exporter()

CONFIG = CONFIGS / 'darnet_sample.py'
THRESHOLD = 0.4


@pytest.fixture(scope='module')
def model() -> torch.nn.Module:
    model = tiny_model()
    model.cfg = load_config(CONFIG)
    return model


@pytest.fixture(scope='module')
def exported(model: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('exported') / 'slim.onnx'
    export_onnx(model, path, threshold=THRESHOLD, tile_size=64)
    return path


@pytest.fixture(scope='module')
def pair() -> list[np.ndarray]:
    # No multiples of what the network needs: padded and cropped like the model's own.
    return [draw_ground(50, 70, seed).transpose(1, 2, 0).copy() for seed in range(2)]


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_a_pair(model, exported, pair, tmp_path, runtime) -> None:
    pytest.importorskip(runtime)
    opened = init_model(CONFIG, exported, runtime=runtime)
    given, expected = predict_pair(opened, *pair), predict_pair(model, *pair)
    np.testing.assert_allclose(given.probability, expected.probability, atol=1e-4)
    assert given.mask.dtype == np.uint8
    assert np.array_equal(given.mask, given.probability > THRESHOLD)
    assert 0 < given.mask.mean() < 1
    paths = [tmp_path / f'{number}.png' for number in range(2)]
    for path, image in zip(paths, pair, strict=True):
        Image.fromarray(image).save(path)
    assert np.array_equal(predict_pair(opened, *paths).probability, given.probability)


@pytest.mark.slow
def test_a_model_of_standardised_images(pair, tmp_path) -> None:
    """The file takes them standardised, with mmcd and without."""
    onnxruntime = pytest.importorskip('onnxruntime')
    model, path = tiny_model(standardize=True), tmp_path / 'model.onnx'
    model.data_preprocessor.pair_mean = model.data_preprocessor.pair_std = None
    report = export_onnx(model, path)
    assert 'It takes images standardised: each date less its mean' in describe_report(report)
    expected = predict_pair(model, *pair).probability
    assert np.ptp(expected) > 0.1
    given = predict_pair(ExportedPredictor(path), *pair).probability
    np.testing.assert_allclose(given, expected, atol=1e-4)
    dates = (np.float32((image - image.mean()) / image.std()) for image in pair)
    inputs = {
        name: date.transpose(2, 0, 1)[None, :, :48, :64]
        for name, date in zip(('before', 'after'), dates, strict=True)
    }
    (found,) = onnxruntime.InferenceSession(path).run(None, inputs)
    # Away from the cut edge, which the network sees.
    np.testing.assert_allclose(found[0, 0, :24, :32], expected[:24, :32], atol=1e-4)


def test_deepness_standardises_no_images(tmp_path) -> None:
    with pytest.raises(ConfigError, match=r'images that are standardised as a whole.*--deepness'):
        export_onnx(tiny_model(standardize=True), tmp_path / 'model.onnx', deepness=True)


def test_a_file_opened_without_a_config(exported, pair) -> None:
    given = predict_pair(ExportedPredictor(exported), *pair)
    expected = predict_pair(init_model(CONFIG, exported), *pair)
    assert np.array_equal(given.probability, expected.probability)


def test_a_scene(model, exported, tmp_path) -> None:
    pytest.importorskip('rasterio')
    import rasterio

    for seed, date in enumerate(('before', 'after')):
        write_raster(tmp_path / f'{date}.tif', draw_ground(130, 110, seed), utm())
    dates = tmp_path / 'before.tif', tmp_path / 'after.tif'
    # The file's own tile size and threshold, unless others are named.
    result = predict_scene(init_model(CONFIG, exported), *dates, tmp_path / 'a.tif', overlap=16)
    assert result.report['settings']['tile_size'] == 64
    assert result.report['settings']['threshold'] == THRESHOLD
    predict_scene(model, *dates, tmp_path / 'b.tif', overlap=16, tile_size=64, threshold=THRESHOLD)
    masks = [rasterio.open(tmp_path / name).read(1) for name in ('a.tif', 'b.tif')]
    assert (masks[0] == masks[1]).mean() > 0.999 and 0 < (masks[0] == 1).mean() < 1


@pytest.mark.parametrize(
    ('name', 'settings', 'error', 'message'),
    [
        ('slim.onnx', dict(runtime='tensorrt'), ConfigError, 'tensorrt'),
        ('slim.onnx', dict(precision='bfloat16'), ConfigError, 'bfloat16'),
        ('gone.onnx', dict(), ExportError, r'No such exported model: .*gone\.onnx'),
        (None, dict(runtime='openvino'), ConfigError, 'runtime=openvino.*are for exported models'),
        (None, dict(precision='bfloat16'), ConfigError, r'predict_pair\(\.\.\., precision='),
    ],
)
def test_settings_that_do_not_fit(exported, name, settings, error, message) -> None:
    path = None if name is None else exported.with_name(name)
    with pytest.raises(error, match=message):
        init_model(CONFIG, path, **settings)


def test_a_call_in_another_precision(exported, pair) -> None:
    opened = init_model(CONFIG, exported)
    with pytest.raises(ConfigError, match=r'was made for float32; precision=bfloat16'):
        predict_pair(opened, *pair, precision='bfloat16')


def test_the_number_of_the_gpu_reaches_the_runtime(exported, monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 2)
    monkeypatch.setattr(
        model_loading, 'ExportedPredictor', lambda path, **kwargs: SimpleNamespace(**kwargs)
    )
    assert init_model(CONFIG, exported, device='cuda:1').device == 'cuda:1'
