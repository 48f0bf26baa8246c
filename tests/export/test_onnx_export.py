from __future__ import annotations

import copy
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.exporting import skip_without_exporter

skip_without_exporter()

import onnx  # noqa: E402

from mmcd.errors import (  # noqa: E402
    ConfigError,
    ExportError,
    FileWriteError,
    MissingExtraError,
    StackError,
)
from mmcd.export import export_onnx, onnx_file  # noqa: E402
from mmcd.export import onnx_export as export_module  # noqa: E402
from mmcd.export.onnx_export import check_export, describe_report  # noqa: E402
from mmcd.inference import make_predictor  # noqa: E402
from mmcd.inference.exported import ExportedPredictor  # noqa: E402
from mmcd.inference.runtimes import OnnxRuntimeSession  # noqa: E402
from tests.export.models import slim_model, tiny_model  # noqa: E402

OF_LAYOUT = {
    'separate': {},
    'stacked': dict(stacked=True),
    'deepness': dict(deepness=True, tile_size=64, resolution=0.5, threshold=0.45),
}


def axes(value: onnx.ValueInfoProto) -> list[int | str]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize(
    ('layout', 'inputs', 'output'),
    [
        (
            'separate',
            {'before': ['batch', 3, 'height', 'width'], 'after': ['batch', 3, 'height', 'width']},
            ['batch', 1, 'height', 'width'],
        ),
        pytest.param(
            'stacked',
            {'pair': ['batch', 6, 'height', 'width']},
            ['batch', 1, 'height', 'width'],
            marks=pytest.mark.slow,
        ),
        ('deepness', {'pair': ['batch', 6, 64, 64]}, ['batch', 1, 64, 64]),
    ],
)
def test_what_a_file_holds(
    tmp_path: Path, layout: str, inputs: dict[str, list], output: list
) -> None:
    out = tmp_path / 'model.onnx'
    model = tiny_model()
    report = export_onnx(model, out, **OF_LAYOUT[layout])
    assert [path.name for path in tmp_path.iterdir()] == ['model.onnx']
    assert 0 < report.deviation.probability < 1e-5
    assert f'{out}: 0.0 MB, input {" and ".join(inputs)} (' in describe_report(report)
    file = onnx.load(out)
    assert {value.name: axes(value) for value in file.graph.input} == inputs
    assert {value.name: axes(value) for value in file.graph.output} == {'probability': output}
    # Readable for the runtimes of 2023, and without the exporter's notes.
    assert file.ir_version == 8 and [entry.version for entry in file.opset_import] == [18]
    assert str(Path(inspect.getfile(nn.Module)).parents[2]).encode() not in out.read_bytes()
    assert b'stack_trace' not in out.read_bytes()
    properties = {entry.key: entry.value for entry in file.metadata_props}
    weights = make_predictor(model).describe()['weights_sha256']
    assert json.loads(properties['mmcd.weights_sha256']) == weights
    assert json.loads(properties['mmcd.layout']) == layout
    assert ('tiles_overlap' in properties) is (layout == 'deepness')


@pytest.mark.slow
@pytest.mark.parametrize(
    ('config', 'layout'),
    [
        # Every network is exported with separate inputs in tests/models/test_networks.py.
        ('darnet_sample.py', 'deepness'),
        ('prx_sample.py', 'stacked'),
    ],
)
def test_the_networks_answer_as_trained(tmp_path: Path, config: str, layout: str) -> None:
    model = slim_model(config)
    out = tmp_path / 'model.onnx'
    report = export_onnx(model, out, **OF_LAYOUT[layout])
    assert report.deviation.probability < 1e-5 and report.deviation.logits < 1e-5
    exported, rng = ExportedPredictor(out), np.random.default_rng(0)
    # Odd sizes are padded as the trained model pads them.
    for num, height, width in [(2, 64, 64)] if layout == 'deepness' else [(1, 50, 70), (3, 97, 33)]:
        tiles = rng.integers(0, 256, (num, 6, height, width), dtype=np.uint8)
        expected = make_predictor(model).predict(tiles)
        np.testing.assert_allclose(exported.predict(tiles), expected, atol=1e-5)


def test_a_model_on_another_device_is_compared_on_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The device `meta` stands for a GPU."""
    model = tiny_model()
    fetched = copy.deepcopy(model)
    monkeypatch.setattr(type(model), 'cpu', lambda module: copy.deepcopy(fetched))
    report = export_onnx(model.to('meta'), tmp_path / 'model.onnx')
    assert 0 < report.deviation.probability < 1e-5
    assert {parameter.device.type for parameter in model.parameters()} == {'meta'}


def test_a_session_that_keeps_no_memory_answers_the_same(tmp_path: Path) -> None:
    out = tmp_path / 'model.onnx'
    export_onnx(tiny_model(), out, **OF_LAYOUT['stacked'])
    tiles = np.random.default_rng(0).integers(0, 256, (1, 6, 64, 64), dtype=np.uint8)
    keeping, forgetting = (OnnxRuntimeSession(out, keep_memory=kept) for kept in (True, False))
    np.testing.assert_array_equal(keeping.run({'pair': tiles}), forgetting.run({'pair': tiles}))
    options = forgetting._session.get_session_options()
    assert not options.enable_cpu_mem_arena and not options.enable_mem_pattern


def test_deepness_gets_what_it_asks_for(tmp_path: Path) -> None:
    """As the plugin runs a file: its tiles are (N, H, W, C) uint8."""
    model = tiny_model()
    out = tmp_path / 'model.onnx'
    export_onnx(model, out, **OF_LAYOUT['deepness'])
    session = OnnxRuntimeSession(out)
    told = {key: json.loads(text) for key, text in session.properties.items()}
    tiles = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 6), dtype=np.uint8)
    values = np.float32(tiles * 1.0 / 255.0)
    values = (values - np.float32(told['standardization_mean'])) / np.float32(
        told['standardization_std']
    )
    result = session.run({'pair': np.ascontiguousarray(values.transpose(0, 3, 1, 2))})
    result[result < told['seg_thresh']] = 0
    expected = make_predictor(model).predict(tiles.transpose(0, 3, 1, 2))[:, 1]
    clear = abs(expected - 0.45) > 1e-5
    changed = expected >= 0.45
    assert 0.05 < changed.mean() < 0.95 and clear.mean() > 0.99
    np.testing.assert_array_equal(result[:, 0][clear] != 0, changed[clear])


class FixesTheBatch(nn.Module):
    """Follows the exporter into the trap: the number of images becomes a number."""

    def forward(self, pair: Tensor) -> Tensor:
        return torch.stack([image[:2] for image in pair])


class Another(nn.Module):
    """Exports without a fault, and answers something else."""

    def forward(self, pair: Tensor) -> Tensor:
        return pair[:, :2]


@pytest.mark.parametrize(
    ('network', 'message'),
    [
        (FixesTheBatch(), "exporter can't follow the network"),
        (Another(), 'does not answer as the trained model does'),
    ],
)
def test_a_network_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: nn.Module, message: str
) -> None:
    monkeypatch.setattr(
        'mmcd.export.pair_program.exportable_network', lambda model, optimize: network
    )
    with pytest.raises(ExportError, match=message):
        export_onnx(tiny_model(), tmp_path / 'model.onnx')
    assert list(tmp_path.iterdir()) == []


def test_an_axis_that_the_exporter_fixed_is_no_open_one(tmp_path: Path) -> None:
    class Fixed(nn.Module):
        def forward(self, pair: Tensor) -> tuple[Tensor, Tensor]:
            row = torch.zeros(1, 6, 1, 24)
            return row, row + pair.float().mean((2, 3), keepdim=True)

    with pytest.raises(ExportError, match='fixed the batch of probability to 1'):
        onnx_file.trace(
            Fixed(),
            [torch.zeros(2, 6, 16, 24, dtype=torch.uint8)],
            input_names=['pair'],
            output_name='probability',
            divisor=8,
            opset=18,
        )


def test_settings_that_can_not_be_used_are_all_told(tmp_path: Path) -> None:
    (tmp_path / 'there.onnx').touch()
    with pytest.raises(ConfigError, match='is there already; remove it') as caught:
        export_onnx(
            tiny_model(),
            tmp_path / 'there.onnx',
            threshold=1.5,
            tile_size=0,
            resolution=-1,
            opset=17,
        )
    for said in ('threshold must', 'tile size must', 'resolution must', 'opset 18 and above'):
        assert said in str(caught.value)
    assert (tmp_path / 'there.onnx').read_bytes() == b''
    with pytest.raises(ConfigError, match=r'model\.pth does not end in \.onnx; there is no folder'):
        export_onnx(tiny_model(), tmp_path / 'none' / 'model.pth')
    with pytest.raises(ConfigError, match='tile size must be from 1 to 16384, not 16385'):
        check_export(tmp_path / 'model.onnx', tile_size=16385)
    with pytest.raises(FileWriteError, match=r'Cannot write .*: File name too long'):
        check_export(tmp_path / f'{"x" * 300}.onnx')


def test_a_tile_that_the_network_does_not_take(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='a multiple of 16 for this network, but is 500'):
        export_onnx(
            slim_model('darnet_sample.py'), tmp_path / 'm.onnx', deepness=True, tile_size=500
        )


def test_an_opset_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_onnx(tiny_model(), tmp_path / 'm.onnx', opset=20)
    file = onnx.load(tmp_path / 'm.onnx')
    assert [entry.version for entry in file.opset_import] == [20] and file.ir_version == 9
    with pytest.raises(ConfigError, match=r'installed onnx knows opsets up to \d+, not 99'):
        check_export(tmp_path / 'other.onnx', opset=99)
    # Known to onnx, and not to PyTorch's exporter.
    monkeypatch.setattr(onnx.defs, 'onnx_opset_version', lambda: 99)
    with pytest.raises(ExportError, match=r"can't write this network in opset 99, only in \d+"):
        export_onnx(tiny_model(), tmp_path / 'other.onnx', opset=99)


def test_what_is_missing_is_said_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_module, 'PACKAGES', ('onnx', 'no_such_onnxscript'))
    with pytest.raises(MissingExtraError, match=r"needs no_such_onnxscript.*'\.\[onnx\]'"):
        export_onnx(tiny_model(), tmp_path / 'none' / 'model.onnx')
    monkeypatch.undo()
    monkeypatch.setattr(torch, '__version__', '2.4.1+cu121')
    with pytest.raises(StackError, match=r'PyTorch 2\.13 or newer, but 2\.4\.1\+cu121'):
        export_onnx(tiny_model(), tmp_path / 'none' / 'model.onnx')
