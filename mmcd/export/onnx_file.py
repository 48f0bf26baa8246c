"""Tracing a program into an ONNX model, and what is written around it."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmcd.errors import ExportError, StackError
from mmcd.version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

# The exporter's own; ONNX Runtime reads it since 1.14, of the beginning of 2023.
DEFAULT_OPSET = 18
# The exporter of older ones takes the pooling of an odd number of rows for a condition on all
# sizes: up to 2.12 networks that take any size could not be exported.
TORCH = (2, 13)
LOGITS = 'logits'
# Networks that take any size are traced for those from this on: encoders' last maps, at a 32nd of
# the size, have more than one row then, and the exporter tells one from several.
ANY_SIZE = 64


def require_exporter() -> None:
    """Check that PyTorch is new enough to export.

    Raises:
        StackError: it is not.
    """
    numbers = tuple(int(number) for number in torch.__version__.split('.')[:2])
    if numbers < TORCH:
        raise StackError(
            f'Exporting needs PyTorch {TORCH[0]}.{TORCH[1]} or newer, but {torch.__version__} is '
            'installed. Running exported files needs no more than mmcd itself.'
        )


def trace(
    program: nn.Module,
    inputs: Sequence[Tensor],
    *,
    input_names: Sequence[str],
    output_name: str,
    divisor: int | None,
    opset: int,
) -> ModelProto:
    """The ONNX model of a program; its second output is named ``logits``.

    Args:
        program: takes ``inputs``, gives two maps.
        inputs: examples (N, C, H, W), of a batch of more than one.
        input_names: what its inputs are called in the file.
        output_name: what its first output is called in the file.
        divisor: height and width may be any multiples of it; None: they are fixed to the examples'.
        opset: version of ONNX's operators.

    Raises:
        ExportError: the exporter can't follow the program, or can't write that opset.
    """
    dims = _open_dims(divisor)
    try:
        with _quiet(), torch.no_grad():
            # Apart from the conversion: given the module, torch.onnx.export falls back to ways of
            # tracing that fix the batch size where this one says what is in the way.
            exported = torch.export.export(
                program, tuple(inputs), dynamic_shapes=tuple(dims for _ in inputs), strict=False
            )
            converted = torch.onnx.export(
                exported,
                dynamo=True,
                opset_version=opset,
                input_names=list(input_names),
                output_names=[output_name, LOGITS],
                verbose=False,
            )
        model = converted.model_proto  # type: ignore[union-attr]
    except Exception as error:  # of many types
        raise ExportError(
            f"PyTorch's exporter can't follow the network: {type(error).__name__}: "
            f'{str(error).strip()[:1000]}'
        ) from error
    _check_opset(model, opset)
    _name_open_dims(model, dims)
    return model


def _open_dims(divisor: int | None) -> dict[int, Any]:
    batch = torch.export.Dim('batch')
    if divisor is None:
        return {0: batch}
    if divisor == 1:
        return {
            0: batch,
            2: torch.export.Dim('height', min=ANY_SIZE),
            3: torch.export.Dim('width', min=ANY_SIZE),
        }
    return {
        0: batch,
        2: divisor * torch.export.Dim('height'),
        3: divisor * torch.export.Dim('width'),
    }


def _check_opset(model: ModelProto, opset: int) -> None:
    (found,) = (entry.version for entry in model.opset_import if entry.domain in ('', 'ai.onnx'))
    if found != opset:
        # The exporter only warns where its converter has no way to a version.
        raise ExportError(
            f"PyTorch's exporter can't write this network in opset {opset}, only in {found}. Use "
            f'--opset {found}.'
        )


def _name_open_dims(model: ModelProto, dims: dict[int, Any]) -> None:
    """Give the axes that may have any length their names, having looked that they may."""
    names = {0: 'batch', 2: 'height', 3: 'width'}
    for value in (*model.graph.input, *model.graph.output):
        shape = value.type.tensor_type.shape.dim
        for axis in dims:
            if not shape[axis].dim_param:
                raise ExportError(
                    f"PyTorch's exporter has fixed the {names[axis]} of {value.name} to "
                    f'{shape[axis].dim_value}, but it must stay dynamic.'
                )
            shape[axis].dim_param = names[axis]


def finish(model: ModelProto, properties: dict[str, str]) -> bytes:
    """The file's content: without the logits, with its properties, readable for old runtimes.

    Args:
        model: from :func:`trace`; changed in place.
        properties: what the file says of itself.
    """
    import onnx

    del model.graph.output[1]
    _drop_notes(model)
    model.producer_name, model.producer_version = 'mmcd', __version__
    model.graph.name = 'change_in_pairs'
    # The exporter writes the newest version of the format, of which nothing is used.
    model.ir_version = onnx.helper.find_min_ir_version_for(model.opset_import)
    onnx.helper.set_model_props(model, properties)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString(deterministic=True)


def _drop_notes(model: ModelProto) -> None:
    """Take out what the exporter notes of the program, source files' paths among it."""
    graph = model.graph
    del model.metadata_props[:], graph.metadata_props[:], graph.value_info[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField('doc_string')


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress, hints and deprecations to itself: what fails is raised."""
    loggers = [logging.getLogger(name) for name in ('torch.onnx', 'onnxscript', 'onnx_ir')]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter('ignore')
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
