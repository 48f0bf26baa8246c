from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.exporting import skip_without_exporter

skip_without_exporter()

import onnx  # noqa: E402
import onnxruntime  # noqa: E402

from mmcd.apis import init_model  # noqa: E402
from mmcd.errors import (  # noqa: E402
    ConfigError,
    ExportError,
    ExportMemoryError,
    ImagePairError,
    MissingExtraError,
)
from mmcd.export import export_onnx  # noqa: E402
from mmcd.inference import exported as exported_module  # noqa: E402
from mmcd.inference import make_predictor, runtimes  # noqa: E402
from mmcd.inference.exported import ExportedPredictor  # noqa: E402
from mmcd.inference.runtimes import OnnxRuntimeSession  # noqa: E402
from mmcd.models.layers import pair_ops  # noqa: E402
from mmcd.structures import RGB_8BIT, ImageStatistics  # noqa: E402
from tests.export.models import tiny_model  # noqa: E402

LAYOUTS = {
    'separate': {},
    'stacked': dict(stacked=True),
    'deepness': dict(deepness=True, tile_size=64),
}


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of each layout."""
    folder = tmp_path_factory.mktemp('exported')
    for name, settings in LAYOUTS.items():
        export_onnx(tiny_model(), folder / f'{name}.onnx', threshold=0.4, **settings)
    return folder


def random_tiles(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def runtime_or_skip(name: str) -> str:
    pytest.importorskip(name, reason=f'the extra {name} is not installed')
    return name


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
@pytest.mark.parametrize('layout', LAYOUTS)
def test_each_layout_answers_as_the_trained_model(folder: Path, layout: str, runtime: str) -> None:
    exported = ExportedPredictor(
        folder / f'{layout}.onnx', runtime=runtime_or_skip(runtime), threads=1
    )
    trained = make_predictor(tiny_model())
    sizes = [(64, 64)] if layout == 'deepness' else [(65, 71), (96, 70), (65, 71)]
    for num, (height, width) in enumerate(sizes, start=1):
        tiles = random_tiles(num, 6, height, width)
        found = exported.predict(tiles)
        assert found.shape == (num, 2, height, width) and found.dtype == np.float32
        np.testing.assert_allclose(found, trained.predict(tiles), atol=1e-5)


def test_bfloat16_in_openvino(folder: Path) -> None:
    runtime = runtime_or_skip('openvino')
    tiles = random_tiles(1, 6, 64, 64)
    models = {
        precision: ExportedPredictor(folder / 'separate.onnx', runtime=runtime, precision=precision)
        for precision in ('float32', 'bfloat16')
    }
    exact, rough = (model.predict(tiles) for model in models.values())
    assert rough.dtype == np.float32
    np.testing.assert_allclose(rough, exact, atol=0.02)
    # The numbers differ only where the processor works in bfloat16.
    hints = [model._session._settings['INFERENCE_PRECISION_HINT'] for model in models.values()]
    assert hints == ['f32', 'bf16']


def test_a_result_is_not_overwritten_by_the_next(folder: Path) -> None:
    exported = ExportedPredictor(folder / 'separate.onnx', runtime=runtime_or_skip('openvino'))
    tiles = random_tiles(2, 6, 64, 64)
    first = exported.predict(tiles[:1])
    kept = first.copy()
    assert not np.array_equal(exported.predict(tiles[1:]), kept)
    np.testing.assert_array_equal(first, kept)


def test_few_compiled_networks_are_kept(folder: Path) -> None:
    exported = ExportedPredictor(folder / 'separate.onnx', runtime=runtime_or_skip('openvino'))
    for width in (64, 65, 66, 67, 64):
        exported.predict(random_tiles(1, 6, 64, width))
    compiled = exported._session._compiled
    assert [dict(key)['before'][3] for key in compiled] == [66, 67, 64]


def test_openvino_leaves_signals_in_order(folder: Path) -> None:
    """OpenVINO gives the process a stack for signals: with two of them, closed in the order that
    they were opened in, the next signal was written to memory that was free again."""
    runtime_or_skip('openvino')
    code = (
        'import signal, sys, numpy as np\n'
        'from mmcd.inference.exported import ExportedPredictor\n'
        'def opened():\n'
        "    predictor = ExportedPredictor(sys.argv[1], runtime='openvino')\n"
        '    predictor.predict(np.zeros((1, 6, 64, 64), np.uint8))\n'
        '    return predictor\n'
        'first = opened()\n'
        'second = opened()\n'
        'del first\n'
        'del second\n'
        "signal.signal(signal.SIGUSR1, lambda *_: print('signal'))\n"
        'signal.raise_signal(signal.SIGUSR1)\n'
    )
    command = [sys.executable, '-X', 'faulthandler', '-c', code, str(folder / 'separate.onnx')]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, 'signal\n'), done.stderr


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_what_the_file_says_is_told(folder: Path, runtime: str) -> None:
    path = folder / 'deepness.onnx'
    exported = ExportedPredictor(path, runtime=runtime_or_skip(runtime))
    assert (exported.threshold, exported.tile_size, exported.image) == (0.4, 64, RGB_8BIT)
    assert exported.metadata.layout == 'deepness'
    assert exported.describe() == dict(
        type='ExportedPredictor',
        file_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        weights_sha256=make_predictor(tiny_model()).describe()['weights_sha256'],
        network='UNetEncoder + FCNHead',
        config=None,
        runtime=runtime,
        precision='float32',
        device='cpu',
        form='restructured',
    )


@pytest.mark.parametrize('size', [(1, 1), (16, 31), (32, 48)])
def test_padding_is_that_of_the_trained_model(size: tuple[int, int]) -> None:
    tiles = random_tiles(2, 6, *size)
    expected = pair_ops.pad_to_multiple(torch.from_numpy(tiles).float(), 16).numpy()
    np.testing.assert_array_equal(exported_module.pad_to_multiple(tiles, 16), expected)


def test_wrong_tiles(folder: Path) -> None:
    exported = ExportedPredictor(folder / 'separate.onnx')
    for tiles in (random_tiles(1, 8, 64, 64), random_tiles(6, 64, 64)):
        with pytest.raises(ImagePairError, match=r'\(N, 6, H, W\) of uint8'):
            exported.predict(tiles)
    with pytest.raises(ImagePairError, match='of float32'):
        exported.predict(random_tiles(1, 6, 64, 64).astype(np.float32))
    with pytest.raises(ExportError, match='tiles of 64 x 64 only, but got 64 x 65'):
        ExportedPredictor(folder / 'deepness.onnx').predict(random_tiles(1, 6, 64, 65))


@pytest.mark.parametrize('runtime', ['onnxruntime', 'openvino'])
def test_files_that_are_none(folder: Path, tmp_path: Path, runtime: str) -> None:
    runtime_or_skip(runtime)
    with pytest.raises(ExportError, match='No such exported model'):
        ExportedPredictor(tmp_path / 'none.onnx', runtime=runtime)
    content = (folder / 'separate.onnx').read_bytes()
    for name, damaged in (('cut', content[: len(content) // 2]), ('text', b'<html>'), ('no', b'')):
        path = tmp_path / f'{name}.onnx'
        path.write_bytes(damaged)
        with pytest.raises(ExportError, match=rf'{name}\.onnx'):
            ExportedPredictor(path, runtime=runtime)
    model = onnx.load(folder / 'separate.onnx')
    del model.metadata_props[:]
    onnx.save(model, tmp_path / 'foreign.onnx')
    with pytest.raises(ExportError, match=r'foreign\.onnx was not exported by mmcd'):
        ExportedPredictor(tmp_path / 'foreign.onnx', runtime=runtime)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(runtime='tensorrt'), "No such runtime .* 'tensorrt'. Use one of onnxruntime, open"),
        (dict(precision='float16'), "No such precision .* 'float16'"),
        (dict(device='tpu'), "No such device .* 'tpu'"),
        (dict(threads=0), 'at least one thread, not 0'),
        (dict(precision='bfloat16'), "in float32, not in bfloat16.*runtime='openvino'"),
        (dict(runtime='openvino', device='cuda'), 'OpenVINO does not run on cuda.*--device cpu'),
    ],
)
def test_choices_that_there_are_not(folder: Path, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ExportedPredictor(folder / 'separate.onnx', **options)


def test_cuda_is_asked_for_where_there_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('onnxruntime.get_available_providers', lambda: ['CPUExecutionProvider'])
    with pytest.raises(ConfigError, match=r'has no CUDA: install onnxruntime-gpu.*--device cpu'):
        ExportedPredictor(folder / 'separate.onnx', device='cuda:0')


def test_cuda_does_not_start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime lists what it was built with, and goes on without what does not load."""
    monkeypatch.setattr(runtimes, '_providers', lambda device: ['CPUExecutionProvider'])
    with pytest.raises(ConfigError, match=r'does not start on cuda:1: it would.*--device cpu'):
        ExportedPredictor(folder / 'separate.onnx', device='cuda:1')


def test_which_gpu_it_was_is_not_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scene that one GPU has begun is finished by another one."""
    session = OnnxRuntimeSession(folder / 'separate.onnx')
    monkeypatch.setattr(exported_module, 'open_session', lambda *args, **settings: session)
    predictor = ExportedPredictor(folder / 'separate.onnx', device='cuda:1')
    assert predictor.describe()['device'] == 'cuda'


@pytest.mark.parametrize(
    ('reason', 'error', 'message'),
    [
        (
            '[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while '
            'running Conv node. bfc_arena.cc:376 Failed to allocate memory for requested buffer of '
            'size 8388608000',
            ExportMemoryError,
            r'^ONNX Runtime has too little memory .*before \(2, .*8388608000. Try smaller tiles',
        ),
        ('CUDA failure 2: out of memory', ExportMemoryError, 'has too little memory'),
        ('Unknown model op', ExportError, r'cannot run .* Unknown model op. Was it changed after'),
    ],
)
def test_what_onnx_runtime_raises(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reason: str, error: type[Exception], message: str
) -> None:
    class Failing:
        def run(self, outputs, inputs):
            raise RuntimeError(reason)

    predictor = ExportedPredictor(folder / 'separate.onnx')
    monkeypatch.setattr(predictor._session, '_session', Failing())
    with pytest.raises(ExportError, match=message) as caught:
        predictor.predict(random_tiles(2, 6, 32, 32))
    assert type(caught.value) is error


@pytest.mark.gpu
def test_cuda(folder: Path) -> None:
    if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
        pytest.skip('the installed ONNX Runtime has no CUDA')
    tiles = random_tiles(2, 6, 65, 71)
    found = ExportedPredictor(folder / 'separate.onnx', device='cuda').predict(tiles)
    np.testing.assert_allclose(
        found, ExportedPredictor(folder / 'separate.onnx').predict(tiles), atol=1e-3
    )


@pytest.mark.parametrize(('runtime', 'extra'), [('onnxruntime', 'onnx'), ('openvino', 'openvino')])
def test_a_runtime_that_is_not_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, runtime: str, extra: str
) -> None:
    def none_is_there(purpose: str, packages: list[str], extra: str) -> None:
        raise MissingExtraError(f'{packages} {extra}')

    monkeypatch.setattr(runtimes, 'require_packages', none_is_there)
    with pytest.raises(MissingExtraError, match=rf"\['{runtime}'\] {extra}"):
        ExportedPredictor(folder / 'separate.onnx', runtime=runtime)


@pytest.mark.parametrize(
    ('config', 'options'),
    [
        (None, {'model.threshold': 0.3}),
        (None, {'test_dataloader.num_workers': 0}),
        ('darnet_sample', {'model.threshold': 0.3}),
    ],
)
def test_settings_that_an_exported_file_does_not_read(
    folder: Path, config: str | None, options: dict
) -> None:
    file = folder / 'separate.onnx'
    models = [file] if config is None else [config, file]
    with pytest.raises(
        ConfigError, match=f'cfg_options={next(iter(options))} would change nothing'
    ):
        init_model(*models, cfg_options=options)


def test_statistics_of_the_training_images_are_the_model_s(tmp_path: Path) -> None:
    model = tiny_model()
    model.statistics = ImageStatistics((90.0, 80.0, 70.0), (30.0, 31.0, 32.0))
    path = tmp_path / 'model.onnx'
    export_onnx(model, path)
    assert ExportedPredictor(path).statistics == model.statistics
