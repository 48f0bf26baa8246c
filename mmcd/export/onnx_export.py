"""From a trained model to an ONNX file that is known to answer the same."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from mmcd.errors import ConfigError
from mmcd.export.deepness import deepness_properties
from mmcd.export.onnx_file import (
    ANY_SIZE,
    DEFAULT_OPSET,
    LOGITS,
    finish,
    require_exporter,
    trace,
)
from mmcd.export.pair_program import check_exportable, pair_program
from mmcd.export.parity import Deviation, check_parity
from mmcd.inference.export_metadata import (
    DEEPNESS,
    INPUT_NAMES,
    MOST,
    OUTPUT_NAME,
    SEPARATE,
    STACKED,
    STANDARDIZED,
    ExportMetadata,
)
from mmcd.inference.exported import SUFFIX, network_inputs
from mmcd.inference.network_predictor import (
    AS_TRAINED,
    RESTRUCTURED,
    NetworkPredictor,
    make_predictor,
)
from mmcd.inference.predictor import DEFAULT_TILE_SIZE
from mmcd.inference.runtimes import OnnxRuntimeSession
from mmcd.install.extras import require_packages
from mmcd.io.atomic import check_writable, write_whole
from mmcd.version import __version__


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Args:
        path: the file.
        metadata: what it says of itself.
        deviation: how far its answers are from the trained model's.
        parameters: how many numbers the trained model has learnt.
    """

    path: Path
    metadata: ExportMetadata
    deviation: Deviation
    parameters: int


def describe_report(report: ExportReport) -> str:
    """What was written, in lines for a user."""
    metadata, deviation = report.metadata, report.deviation
    size = report.path.stat().st_size / 1e6
    inputs = ' and '.join(INPUT_NAMES[metadata.layout])
    divisor = metadata.size_divisor
    fixed = metadata.layout == DEEPNESS
    sizes = f'{metadata.tile_size} x {metadata.tile_size}' if fixed else f'multiples of {divisor}'
    taken = f'\nIt takes images {STANDARDIZED}.' if metadata.image.standardize else ''
    return (
        f'{report.path}: {size:.1f} MB, input {inputs} (height and width: {sizes}), '
        f'output {OUTPUT_NAME}{taken}\n'
        f'ONNX Runtime against PyTorch, {deviation.num_cases} batches and sizes: largest deviation '
        f'{deviation.probability:.1e} of the probability, {deviation.logits:.1e} of the logits '
        '(relative)'
    )


if TYPE_CHECKING:
    from onnx import ModelProto

PACKAGES = ('onnx', 'onnxruntime', 'onnxscript')
# Batch, and height and width in steps of the divisor, that a program is traced with. Large, which
# costs nothing as no values are computed: where something derived from a size, such as a number of
# blocks, comes to 1, exporters fix it without a word.
TRACED = (2, 21, 37)
# And those that it is checked with: none of them the same, on either side of where such numbers
# become 1.
CHECKED = ((1, 4, 3), (3, 2, 5), (1, 1, 1), (4, 18, 2), (5, 3, 1), (1, 1, 35))
# For files of one size.
CHECKED_BATCHES = (1, 2)


def export_onnx(
    model: EncoderDecoder,
    out: str | Path,
    *,
    stacked: bool = False,
    deepness: bool = False,
    threshold: float | None = None,
    tile_size: int = DEFAULT_TILE_SIZE,
    resolution: float | None = None,
    opset: int = DEFAULT_OPSET,
    optimize: bool = True,
) -> ExportReport:
    """Write a trained model as an ONNX file, normalisation and probability included.

    One file takes any batch, and any height and width that are multiples of the model's
    ``size_divisor``: padding and cropping are left to its user, such as
    :class:`mmcd.inference.exported.ExportedPredictor`. The file is written only once ONNX Runtime
    has answered as PyTorch does, for several batches and sizes.

    Args:
        model: from :func:`mmcd.apis.init_model`; left as it is.
        out: the file to write, ending in ``.onnx``.
        stacked: one input ``pair`` (N, 2C, H, W) instead of ``before`` and ``after`` (N, C, H, W).
        deepness: a file for the QGIS plugin Deepness: one input as above, from 0 to 1 in float32,
            of ``tile_size`` x ``tile_size`` only.
        threshold: what the file names as the probability above which a pixel is changed; None: the
            model's own.
        tile_size: what it names as the tiles' height and width.
        resolution: what it names as the metres per pixel that the model was trained on; None: those
            of the image description.
        opset: version of ONNX's operators, at least 18.
        optimize: False exports the network as it was trained, not restructured for inference.

    Shape:
        inputs: uint8, or float32 for images of another type, with the bands in the order of the
        image description; where that standardises images, float32, standardised as a whole.
        Output: ``probability`` (N, K - 1, H, W) float32, of each kind of change; (N, 1, H, W) for
        binary change.

    Raises:
        ConfigError: a setting can't be used, or ``out`` can't be written.
        MissingExtraError: the extra ``onnx`` is not installed.
        StackError: PyTorch is too old.
        ExportError: the model can't be exported, or the exported one answers otherwise.

    Example:
        >>> model = init_model('configs/darnet_levir.py', 'darnet_levir.pth')
        >>> report = export_onnx(model, 'darnet_levir.onnx', resolution=0.5)
    """
    out = Path(out).expanduser()
    check_exportable(model)
    if next(model.parameters()).device.type != 'cpu':
        # GPUs round the numbers in convolutions (TF32) by more than files may deviate.
        model = copy.deepcopy(model).cpu()
    # The trained network, which the exported one is compared with.
    reference = cast(NetworkPredictor, make_predictor(model.eval(), optimize=False))
    threshold = reference.threshold if threshold is None else threshold
    resolution = reference.image.metres_per_pixel if resolution is None else resolution
    check_export(out, threshold=threshold, tile_size=tile_size, resolution=resolution, opset=opset)
    layout = DEEPNESS if deepness else STACKED if stacked else SEPARATE
    metadata = _describe(
        model, reference, layout, threshold, tile_size, resolution, optimize=optimize
    )
    if layout == DEEPNESS:
        _check_layout(metadata)
    onnx_model = _trace(pair_program(model, layout, optimize=optimize), metadata, opset)
    with_logits = onnx_model.SerializeToString()
    properties = metadata.to_properties()
    if layout == DEEPNESS:
        properties |= deepness_properties(metadata)
    content = finish(onnx_model, properties)
    deviation = _check(reference, metadata, content, with_logits)
    write_whole(out, content)
    parameters = sum(each.numel() for each in model.parameters())
    return ExportReport(out, metadata, deviation, parameters)


def check_export(
    out: str | Path,
    *,
    threshold: float | None = None,
    tile_size: int = DEFAULT_TILE_SIZE,
    resolution: float | None = None,
    opset: int = DEFAULT_OPSET,
) -> None:
    """Check all that can be known without the model; see :func:`export_onnx`.

    Raises:
        ConfigError: naming every setting that can't be used.
        FileWriteError: nothing can be written there.
        MissingExtraError: the extra ``onnx`` is not installed.
        StackError: PyTorch is too old.
    """
    require_packages('Exporting models', PACKAGES, 'onnx')
    require_exporter()
    import onnx

    newest = onnx.defs.onnx_opset_version()
    out = Path(out).expanduser()
    faults = []
    if out.suffix != SUFFIX:
        faults.append(f'{out} does not end in {SUFFIX}')
    if os.path.exists(out):  # Path.exists fails on a name that is too long
        faults.append(f'{out} is there already; remove it, or choose another name')
    if not out.parent.is_dir():
        faults.append(f'there is no folder {out.parent} (from {Path.cwd()})')
    if threshold is not None and not 0 <= threshold <= 1:
        faults.append(f'the threshold must be from 0 to 1, not {threshold}')
    if not 1 <= tile_size <= MOST['tile_size']:
        faults.append(f'the tile size must be from 1 to {MOST["tile_size"]}, not {tile_size}')
    if resolution is not None and not 0 < resolution < float('inf'):
        faults.append(f'the resolution must be metres per pixel above 0, not {resolution}')
    if opset < DEFAULT_OPSET:
        faults.append(f"PyTorch's exporter writes opset {DEFAULT_OPSET} and above, not {opset}")
    elif opset > newest:
        faults.append(f'the installed onnx knows opsets up to {newest}, not {opset}')
    if faults:
        raise ConfigError(f'Nothing was exported: {"; ".join(faults)}.')
    check_writable(out)


def _describe(
    model: EncoderDecoder,
    predictor: NetworkPredictor,
    layout: str,
    threshold: float,
    tile_size: int,
    resolution: float | None,
    *,
    optimize: bool,
) -> ExportMetadata:
    config = getattr(predictor.cfg, 'filename', None)
    tuning = dict(predictor.threshold_tuning or {}) or None
    return ExportMetadata(
        network=f'{type(model.backbone).__name__} + {type(model.decode_head).__name__}',
        config=None if config is None else Path(config).stem,
        weights_sha256=predictor.describe()['weights_sha256'],
        classes=predictor.classes,
        image=replace(predictor.image, metres_per_pixel=resolution),
        layout=layout,
        size_divisor=predictor.size_divisor,
        threshold=threshold,
        tile_size=tile_size,
        form=RESTRUCTURED if optimize else AS_TRAINED,
        mmcd_version=__version__,
        threshold_tuning=tuning if threshold == predictor.threshold else None,
        statistics=predictor.statistics,
    )


def _check_layout(metadata: ExportMetadata) -> None:
    """Check that a file for Deepness can hold the network."""
    if metadata.tile_size % metadata.size_divisor:
        raise ConfigError(
            f'A file for Deepness is made for one tile size, which must be a multiple of '
            f'{metadata.size_divisor} for this network, but is {metadata.tile_size}.'
        )
    if metadata.image.standardize:
        raise ConfigError(
            'Deepness gives its models tiles of a layer as they are, but this model takes images '
            'that are standardised as a whole (`standardize` in the image description). Export it '
            'without deepness=True (--deepness).'
        )
    if metadata.image.dtype != 'uint8' or not metadata.classes.is_binary:
        raise ConfigError(
            'Deepness gives its models 8-bit images and shows one probability; this model takes '
            f'{metadata.image.describe()} and tells {", ".join(metadata.classes.names)} apart. '
            'Export it without deepness=True.'
        )


def _free_divisor(metadata: ExportMetadata) -> int | None:
    """What height and width may be multiples of; None: they are fixed."""
    return None if metadata.layout == DEEPNESS else metadata.size_divisor


def _trace(program: nn.Module, metadata: ExportMetadata, opset: int) -> ModelProto:
    ((num, height, width),) = _shapes(metadata, [TRACED], [TRACED[0]])
    bands = metadata.image.num_bands
    channels = bands if metadata.layout == SEPARATE else 2 * bands
    dtype = getattr(torch, metadata.input_dtype)
    names = INPUT_NAMES[metadata.layout]
    return trace(
        program,
        [torch.zeros(num, channels, height, width, dtype=dtype) for _ in names],
        input_names=names,
        output_name=OUTPUT_NAME,
        divisor=_free_divisor(metadata),
        opset=opset,
    )


def _check(
    reference: NetworkPredictor, metadata: ExportMetadata, content: bytes, with_logits: bytes
) -> Deviation:
    """Compare the file as it will be written, and its logits, with the trained model."""
    sessions = {
        OUTPUT_NAME: OnnxRuntimeSession(content, keep_memory=False),
        LOGITS: OnnxRuntimeSession(with_logits, output=LOGITS, keep_memory=False),
    }

    def run(tiles: np.ndarray) -> dict[str, np.ndarray]:
        inputs = network_inputs(tiles, metadata)
        return {name: session.run(inputs) for name, session in sessions.items()}

    shapes = _shapes(metadata, CHECKED, CHECKED_BATCHES)
    channels = 2 * metadata.image.num_bands
    return check_parity(reference, run, [(num, channels, h, w) for num, h, w in shapes])


def _shapes(
    metadata: ExportMetadata, cases: Sequence[tuple[int, int, int]], batches: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Batch, height and width: of ``cases``, or of ``batches`` where the size is fixed."""
    if _free_divisor(metadata) is None:
        return [(num, metadata.tile_size, metadata.tile_size) for num in batches]
    step, more = metadata.size_divisor, 0
    if step == 1:
        step, more = ANY_SIZE, 1  # odd sizes
    return [(num, height * step + more, width * step + more) for num, height, width in cases]
