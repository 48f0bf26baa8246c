"""The device that is taken where none is named, or no number, on a machine with GPUs."""

from __future__ import annotations

import sys

import pytest

from mmcd.cli.commands.map import _own_device, parse_args

CPU, CUDA = 'CPUExecutionProvider', 'CUDAExecutionProvider'


class OnnxRuntime:
    """Stands in for the package."""

    def __init__(self, *providers: str) -> None:
        self.providers = providers

    def get_available_providers(self) -> list[str]:
        return list(self.providers)


def own_device(*model: str) -> str:
    return _own_device(parse_args(['a.tif', 'b.tif', '--out', 'm.tif', *model]))


@pytest.fixture(autouse=True)
def gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    monkeypatch.setattr('torch.cuda.device_count', lambda: 2)
    monkeypatch.setenv('LOCAL_RANK', '3')


@pytest.mark.parametrize(
    ('installed', 'expected'),
    [(OnnxRuntime(CPU), 'cpu'), (OnnxRuntime(CUDA, CPU), 'cuda:1'), (None, 'cpu')],
    ids=['CPU', 'GPU', 'not installed'],
)
def test_an_exported_model_in_onnx_runtime(
    monkeypatch: pytest.MonkeyPatch, installed: OnnxRuntime | None, expected: str
) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', installed)
    assert own_device('--model', 'model.onnx') == expected
    args = parse_args(['config.py', 'model.onnx', 'a.tif', 'b.tif', '--out', 'm.tif'])
    assert _own_device(args) == expected


def test_an_exported_model_in_openvino(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', OnnxRuntime(CUDA, CPU))
    assert own_device('--model', 'model.onnx', '--runtime', 'openvino') == 'cpu'


def test_a_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    assert own_device('--model', 'model.pth') == own_device() == 'cuda:1'
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert own_device('--model', 'model.pth') == own_device() == 'cpu'


def test_cuda_without_a_number_is_the_process_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'onnxruntime', OnnxRuntime(CPU))
    for model in ('model.pth', 'model.onnx'):  # where it can't run there, opening it says so
        assert own_device('--model', model, '--device', 'cuda') == 'cuda:1'
    monkeypatch.delenv('LOCAL_RANK')
    assert own_device('--device', 'cuda') == 'cuda:0'
    for named in ('cuda:0', 'cpu'):
        assert own_device('--device', named) == named
    monkeypatch.setattr('torch.cuda.is_available', lambda: False)
    assert own_device('--device', 'cuda') == 'cuda'
