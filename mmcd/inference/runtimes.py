"""ONNX Runtime and OpenVINO behind one small interface."""

from __future__ import annotations

import functools
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from mmcd.errors import ConfigError, ExportError, ExportMemoryError
from mmcd.inference.export_metadata import OUTPUT_NAME
from mmcd.inference.onnx_safety import check_onnx_file
from mmcd.install.extras import require_packages

ONNX_RUNTIME = 'onnxruntime'
OPENVINO = 'openvino'
RUNTIMES = (ONNX_RUNTIME, OPENVINO)
PRECISIONS = ('float32', 'bfloat16')
DEVICES = ('cpu', 'cuda')
CUDA_PROVIDER = 'CUDAExecutionProvider'
# ONNX Runtime's and CUDA's words for it, and C++'s: there is no error of its own.
NO_MEMORY = re.compile('failed to allocate memory|out of memory|bad.?alloc', re.IGNORECASE)
SILENT = 4  # ONNX Runtime's number for it; what goes wrong is raised, too


class Session(Protocol):
    """An opened file."""

    properties: dict[str, str]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output for contiguous inputs by name.

        Raises:
            ExportMemoryError: there is not enough memory for inputs of this size.
            ExportError: the runtime can't compute it.
        """


def open_session(
    path: Path, runtime: str, *, precision: str, threads: int | None, device: str
) -> Session:
    """Open a file in a runtime.

    Args:
        path: the file.
        runtime: one of :data:`RUNTIMES`.
        precision: one of :data:`PRECISIONS`; bfloat16 in OpenVINO only.
        threads: how many it may use; None: as many as it likes.
        device: one of :data:`DEVICES`; 'cuda' in ONNX Runtime only.

    Raises:
        ConfigError: there is no such runtime, precision or device, or the runtime lacks it.
        MissingExtraError: the runtime is not installed.
        ExportError: the runtime does not take the file.
    """
    _check_choice(runtime, precision, threads, device)
    check_onnx_file(path)
    if runtime == ONNX_RUNTIME:
        require_packages('Running exported models', ['onnxruntime'], 'onnx')
        return OnnxRuntimeSession(path, threads=threads, device=device)
    require_packages('Running exported models in OpenVINO', ['openvino'], 'openvino')
    return OpenVinoSession(path, precision=precision, threads=threads)


class OnnxRuntimeSession:
    """A file in ONNX Runtime.

    Args:
        model: the file, or its content.
        threads: see :func:`open_session`.
        device: see :func:`open_session`.
        output: the output that :meth:`run` gives.
        keep_memory: whether it keeps a run's memory for the next one: faster, but of batches and
            sizes that differ it keeps more than any of them needs.
    """

    def __init__(
        self,
        model: Path | bytes,
        *,
        threads: int | None = None,
        device: str = 'cpu',
        output: str = OUTPUT_NAME,
        keep_memory: bool = True,
    ) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = SILENT
        options.intra_op_num_threads = threads or 0
        options.enable_cpu_mem_arena = keep_memory
        options.enable_mem_pattern = keep_memory
        self._output = output
        try:
            self._session = onnxruntime.InferenceSession(
                model if isinstance(model, bytes) else str(model),
                options,
                providers=_providers(device),
            )
        except ConfigError:
            raise
        except Exception as error:  # of many types, without a base of their own
            raise _not_taken('ONNX Runtime', model, error) from error
        # It says nothing where it falls back.
        if device != 'cpu' and CUDA_PROVIDER not in self._session.get_providers():
            raise ConfigError(
                f'ONNX Runtime does not start on {device}: it would run on the CPU. Install the '
                'CUDA and cuDNN that this version of onnxruntime-gpu is made for, or use '
                "device='cpu' (--device cpu)."
            )
        self.properties = dict(self._session.get_modelmeta().custom_metadata_map)
        self.inputs = tuple(each.name for each in self._session.get_inputs())
        self.outputs = tuple(each.name for each in self._session.get_outputs())

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        try:
            return self._session.run([self._output], dict(inputs))[0]
        except Exception as error:  # of many types
            raise _cannot_run('ONNX Runtime', inputs, error) from error


class OpenVinoSession:
    """A file in OpenVINO on the CPU.

    Args:
        path: the file.
        precision: see :func:`open_session`.
        threads: see :func:`open_session`.
    """

    # Scenes have one size of tiles and, at their ends, a smaller batch.
    KEPT = 3

    def __init__(self, path: Path, *, precision: str, threads: int | None = None) -> None:
        self._core = _openvino_core()
        # Said in either case: left to itself, OpenVINO takes bfloat16 where the processor has it.
        self._settings: dict[str, Any] = {
            'INFERENCE_PRECISION_HINT': 'bf16' if precision == 'bfloat16' else 'f32'
        }
        if threads:
            self._settings['INFERENCE_NUM_THREADS'] = threads
        try:
            self._model = self._core.read_model(str(path))
        except Exception as error:  # of many types
            raise _not_taken('OpenVINO', path, error) from error
        _check_constants(self._model, path)
        self.properties = self._read_properties()
        self.inputs = tuple(name for port in self._model.inputs for name in port.names)
        self.outputs = tuple(name for port in self._model.outputs for name in port.names)
        self._compiled: OrderedDict[tuple, Any] = OrderedDict()

    def run(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        try:
            request = self._request({name: array.shape for name, array in inputs.items()})
            # Not shared: the request's own memory is written again by the next run.
            return request.infer(dict(inputs), share_outputs=False)[OUTPUT_NAME]
        except Exception as error:  # of many types
            raise _cannot_run('OpenVINO', inputs, error) from error

    def _request(self, shapes: dict[str, tuple[int, ...]]) -> Any:
        """The network compiled for these shapes alone, made once.

        Compiled for any shape, DARNet was 4 to 20 % slower, and its first run at a new one took as
        long as compiling it for that one (half a second).
        """
        key = tuple(shapes.items())
        if key in self._compiled:
            self._compiled.move_to_end(key)
            return self._compiled[key]
        model = self._model.clone()
        model.reshape({name: list(shape) for name, shape in shapes.items()})
        compiled = self._core.compile_model(model, 'CPU', self._settings)
        self._compiled[key] = compiled.create_infer_request()
        if len(self._compiled) > self.KEPT:
            self._compiled.popitem(last=False)
        return self._compiled[key]

    def _read_properties(self) -> dict[str, str]:
        # Where OpenVINO keeps the metadata_props of an ONNX file.
        info = self._model.get_rt_info()
        framework = info['framework'] if 'framework' in info else {}  # noqa: SIM401  it has no get
        return {name: value.astype(str) for name, value in framework.items()}


@functools.cache
def _openvino_core() -> Any:
    """The one ``Core`` of the process.

    Its CPU plugin gives the process a stack for signals (``sigaltstack``) and puts back what it
    found when it is closed. Of two, the one opened last then puts back that of the first, which is
    free memory by then, and the next signal that Python handles (Ctrl-C, the end of a loading
    process) ends in a segmentation fault. Seen with OpenVINO 2026.4.
    """
    import openvino

    return openvino.Core()


def _check_constants(model: Any, path: Path) -> None:
    """OpenVINO's ReLU makes 0 of NaN, so that what it answers does not show such weights.

    Raises:
        ExportError: a weight is NaN.
    """
    constants = (op for op in model.get_ops() if op.get_type_name() == 'Constant')
    for constant in constants:
        values = constant.data
        if values.dtype.kind == 'f' and np.isnan(values).any():
            raise ExportError(
                f'{path} holds weights that are NaN ({constant.get_friendly_name()}): the training '
                'of the network had diverged. Export another checkpoint.'
            )


def _check_choice(runtime: str, precision: str, threads: int | None, device: str) -> None:
    for what, value, known in (
        ('runtime', runtime, RUNTIMES),
        ('precision', precision, PRECISIONS),
        ('device', device.partition(':')[0], DEVICES),
    ):
        if value not in known:
            raise ConfigError(
                f'No such {what} for exported models: {value!r}. Use one of {", ".join(known)}.'
            )
    if threads is not None and threads < 1:
        raise ConfigError(f'A runtime needs at least one thread, not {threads}.')
    if runtime == ONNX_RUNTIME and precision != 'float32':
        raise ConfigError(
            f'ONNX Runtime runs exported models in float32, not in {precision}. Use OpenVINO for '
            "it: runtime='openvino' (--runtime openvino)."
        )
    if runtime == OPENVINO and device != 'cpu':
        raise ConfigError(
            f"OpenVINO does not run on {device}. Use runtime='onnxruntime' (--runtime onnxruntime) "
            "or device='cpu' (--device cpu)."
        )


def _providers(device: str) -> list[Any]:
    if device == 'cpu':
        return ['CPUExecutionProvider']
    if not supports_cuda(ONNX_RUNTIME):
        raise ConfigError(
            'The installed ONNX Runtime has no CUDA: install onnxruntime-gpu in its place, or use '
            "device='cpu' (--device cpu)."
        )
    number = int(device.partition(':')[2] or 0)
    return [(CUDA_PROVIDER, {'device_id': number}), 'CPUExecutionProvider']


def supports_cuda(runtime: str) -> bool:
    """Whether a runtime, as it is installed, can run exported models on GPUs.

    Args:
        runtime: one of :data:`RUNTIMES`.
    """
    if runtime != ONNX_RUNTIME:
        return False
    try:
        import onnxruntime
    except ImportError:
        return False
    return CUDA_PROVIDER in onnxruntime.get_available_providers()


def _cannot_run(runtime: str, inputs: Mapping[str, np.ndarray], error: Exception) -> ExportError:
    shapes = ', '.join(f'{name} {array.shape}' for name, array in inputs.items())
    reason = str(error).strip().split('\n')[0] or type(error).__name__
    if NO_MEMORY.search(str(error)):
        return ExportMemoryError(
            f'{runtime} has too little memory for the exported network on {shapes}: {reason}. Try '
            'smaller tiles.'
        )
    return ExportError(
        f'{runtime} cannot run the exported network on {shapes}: {reason}. Was it changed after it '
        'was exported? Export it again.'
    )


def _not_taken(runtime: str, model: Path | bytes, error: Exception) -> ExportError:
    name = 'the exported network' if isinstance(model, bytes) else model
    reason = str(error).strip().split('\n')[0]
    return ExportError(
        f'{runtime} cannot open {name}: {reason}. Is it a complete ONNX file? If not, export the '
        'model again.'
    )
