"""What an export has written."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mmcd.export.parity import Deviation
from mmcd.inference.export_metadata import DEEPNESS, INPUT_NAMES, OUTPUT_NAME, ExportMetadata


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Args:
        path: the file.
        metadata: what it says of itself.
        deviation: how far its answers are from the trained model's.
    """

    path: Path
    metadata: ExportMetadata
    deviation: Deviation


def describe_report(report: ExportReport) -> str:
    """What was written, in lines for a user."""
    metadata, deviation = report.metadata, report.deviation
    size = report.path.stat().st_size / 1e6
    inputs = ' and '.join(INPUT_NAMES[metadata.layout])
    divisor = metadata.size_divisor
    fixed = metadata.layout == DEEPNESS
    sizes = f'{metadata.tile_size} x {metadata.tile_size}' if fixed else f'multiples of {divisor}'
    return (
        f'{report.path}: {size:.1f} MB, input {inputs} (height and width: {sizes}), '
        f'output {OUTPUT_NAME}\n'
        f'ONNX Runtime against PyTorch, {deviation.num_cases} batches and sizes: largest deviation '
        f'{deviation.probability:.1e} of the probability, {deviation.logits:.1e} of the logits '
        '(relative)'
    )
