"""What the QGIS plugin Deepness expects of a segmentation model.

Read off the plugin's sources (``ModelBase``, ``Segmentor``, ``MapProcessorSegmentation``) and its
documentation, "Model classes and requirements" and "Adding metadata to ONNX model", of 2023 to
2025:

- One input (N, channels, S, S) of float32. S is a number: the plugin shows it as the tile size,
  and fails to load a model whose height and width are open. N may be open. The plugin gives the
  layer's bands in the order that its user maps them, divided by 255, then less
  ``standardization_mean`` and divided by ``standardization_std`` (0 and 1 where not said).
- One output (N, 1, S, S): a probability. From ``seg_thresh`` on a pixel is of class 1.
- Each property's value is JSON. The resolution is in centimetres per pixel, the overlap in percent.
"""

from __future__ import annotations

import json
from typing import Any

from mmcd.inference.export_metadata import ExportMetadata

# Of a tile's side; as the 128 of 512 pixels that tools/infer_scene.py shares between tiles.
OVERLAP_PERCENT = 25


def deepness_properties(metadata: ExportMetadata) -> dict[str, str]:
    """The plugin's properties for a file."""
    channels = 2 * metadata.image.num_bands
    values: dict[str, Any] = {
        'model_type': 'Segmentor',
        # Both, though the output has one channel: releases before 0.7 count the background too.
        'class_names': {str(number): name for number, name in enumerate(metadata.classes.names)},
        # The documentation says `tiles_size`, the plugin reads `tile_size`.
        'tile_size': metadata.tile_size,
        'tiles_size': metadata.tile_size,
        'tiles_overlap': OVERLAP_PERCENT,
        'seg_thresh': metadata.threshold,
        # Else the plugin smooths the mask with a median filter of its own choice.
        'seg_small_segment': 0,
        # Normalisation is part of the graph.
        'standardization_mean': [0.0] * channels,
        'standardization_std': [1.0] * channels,
    }
    metres = metadata.image.metres_per_pixel
    if metres is not None:
        values['resolution'] = round(100 * metres, 6)
    return {key: json.dumps(value) for key, value in values.items()}
