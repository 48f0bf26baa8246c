"""The STAC item of an exported model, with the extension for machine-learning models (MLM 1.5)."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from mmcd.export.onnx_export import ExportReport
from mmcd.inference.export_metadata import (
    DEEPNESS,
    INPUT_NAMES,
    OUTPUT_NAME,
    SEPARATE,
    STANDARDIZED,
)
from mmcd.io.atomic import write_whole
from mmcd.io.stac import MLM, as_time, class_objects, file_asset, make_item

# MLM's list is closed and has no task of two dates; the keyword says what it is.
TASKS = ('semantic-segmentation',)
KEYWORDS = ('change-detection',)
ONNX = 'application/octet-stream; framework=onnx'
# MLM calls the dimension so where an input names its bands.
DIMENSIONS = ('batch', 'bands', 'height', 'width')
ANY = -1


def item_path(model: Path) -> Path:
    """Where the item of an exported model lies."""
    return model.with_suffix('.stac.json')


def write_model_item(report: ExportReport) -> Path:
    """Write the item beside an exported model.

    It has no footprint, and the time of the export: a model is of no place and no time.

    Args:
        report: of the export.
    """
    metadata, path = report.metadata, report.path
    dates = INPUT_NAMES[SEPARATE]
    separate = metadata.layout == SEPARATE
    bands = metadata.image.bands
    if separate:
        taken = {date: list(bands) for date in dates}
    else:
        (name,) = INPUT_NAMES[metadata.layout]
        taken = {name: [f'{date}-{band}' for date in dates for band in bands]}
    named = dict.fromkeys(band for each in taken.values() for band in each)
    kinds = class_objects(metadata.classes)[1:]
    size = metadata.tile_size if metadata.layout == DEEPNESS else ANY
    sizes = [size, size]
    # Of other layouts it is in the graph; MLM has no type for what each image is standardised by.
    scaling = [dict(type='scale', value=255)] if metadata.layout == DEEPNESS else None
    properties: dict[str, Any] = {
        'datetime': as_time(datetime.now(timezone.utc)),
        'keywords': list(KEYWORDS),
        'bands': [dict(name=band) for band in named],
        'mlm:name': _as_name(metadata.config or metadata.network),
        'mlm:architecture': metadata.network,
        'mlm:tasks': list(TASKS),
        'mlm:framework': 'ONNX',
        'mlm:accelerator': None,
        'mlm:total_parameters': report.parameters,
        'mlm:memory_size': path.stat().st_size,
        'mlm:input': [
            dict(
                name=name,
                bands=own,
                input=dict(
                    shape=[ANY, len(own), *sizes],
                    dim_order=list(DIMENSIONS),
                    data_type=metadata.input_dtype,
                ),
                description=_describe_input(report),
                value_scaling=scaling,
                resize_type=None,
            )
            for name, own in taken.items()
        ],
        'mlm:output': [
            dict(
                name=OUTPUT_NAME,
                tasks=list(TASKS),
                result=dict(
                    shape=[ANY, len(kinds), *sizes],
                    dim_order=['batch', 'class', 'height', 'width'],
                    data_type='float32',
                ),
                description='The probability of each kind of change; changed where the sum of '
                f'them is above {metadata.threshold:g}.',
                **{'classification:classes': kinds},
            )
        ],
        'mlm:hyperparameters': dict(
            threshold=metadata.threshold,
            tile_size=metadata.tile_size,
            size_divisor=metadata.size_divisor,
            form=metadata.form,
            weights_sha256=metadata.weights_sha256,
        ),
    }
    if metadata.image.metres_per_pixel is not None:
        properties['gsd'] = metadata.image.metres_per_pixel
    asset = file_asset(
        path,
        item_path(path),
        ONNX,
        ['mlm:model', 'mlm:compiled'],
        **{'mlm:artifact_type': 'onnx'},
    )
    item = make_item(path.stem, properties, {'model': asset}, [MLM])
    write_whole(item_path(path), json.dumps(item, indent=2) + '\n')
    return item_path(path)


def _as_name(text: str) -> str:
    """As MLM has names: letters, digits, '.', '_' and '-', from a letter, three at least."""
    name = re.sub(r'[^0-9A-Za-z_.-]+', '-', text).strip('-_.')
    return name if re.fullmatch(r'[A-Za-z].+[0-9A-Za-z]', name) else f'mmcd-{name or "model"}'


def _describe_input(report: ExportReport) -> str:
    metadata = report.metadata
    what = f'{metadata.image.describe()}, in this order'
    if metadata.layout == DEEPNESS:
        return f'{what}, both dates one after the other, divided by 255.'
    if metadata.image.standardize:
        what = f'{what}, {STANDARDIZED}'
    return f'{what}; height and width are multiples of {metadata.size_divisor}.'
