"""The options of tools/infer_scene.py, and the settings that they make.

Imports are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import argparse
from dataclasses import fields

from mmcd.cli.arguments import add_inference_arguments, add_memory_argument, add_model_arguments
from mmcd.scene.settings import PROBABILITY_TYPES, RESAMPLINGS, SCALINGS, SceneSettings

DEFAULTS = SceneSettings()


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options in their groups."""
    _add_outputs(parser.add_argument_group('outputs'))
    _add_reading(parser.add_argument_group('reading'))
    _add_prediction(parser.add_argument_group('prediction'))


def scene_settings(args: argparse.Namespace) -> SceneSettings:
    """The settings that the options of :func:`add_scene_arguments` name.

    Raises:
        SceneError: some of them can't be used.
    """
    options = vars(args)
    names = [field.name for field in fields(SceneSettings)]
    return SceneSettings(**{name: options[name] for name in names})


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--out', metavar='TIF', help='the change map')
    group.add_argument('--probability', metavar='TIF', help='the probability of change')
    group.add_argument('--vectors', metavar='FILE', help='polygons: .gpkg or .geojson')
    group.add_argument(
        '--pairs',
        metavar='LIST',
        help='many scenes: CSV or JSON lines with before, after, out [, probability, vectors]; '
        "relative paths start from the list's folder",
    )
    group.add_argument(
        '--probability-type',
        choices=PROBABILITY_TYPES,
        default=DEFAULTS.probability_type,
        help='uint8 has 0 to 254 for 0 to 1 (default: %(default)s)',
    )
    group.add_argument('--cog', action='store_true', help='write cloud-optimised GeoTIFFs')
    group.add_argument(
        '--min-area',
        type=float,
        default=DEFAULTS.min_area,
        metavar='M2',
        help='leave smaller polygons out (default: %(default)g); pixels where there is no CRS',
    )
    group.add_argument(
        '--simplify',
        type=float,
        default=DEFAULTS.simplify,
        metavar='PIXELS',
        help='simplify outlines, which then move by at most this much',
    )


def _add_reading(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--bands',
        nargs='+',
        type=int,
        help="numbers of the files' bands in the order that the model takes (default: by the "
        'image description, by names or colours, or all where the number fits)',
    )
    group.add_argument(
        '--no-data', type=float, help='a value of no data that the files do not name'
    )
    group.add_argument(
        '--resampling',
        choices=RESAMPLINGS,
        default=DEFAULTS.resampling,
        help='how the after image is warped (default: %(default)s)',
    )
    group.add_argument(
        '--scaling',
        choices=SCALINGS,
        help='stretch 16 bit to the 8 bit that the model was trained on, with one value range for '
        'both dates, or one each (default: values are not changed)',
    )
    group.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='the values that become 0 and 255 (default of --scaling: 2nd and 98th percentiles)',
    )


def _add_prediction(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--tile',
        dest='tile_size',
        metavar='PIXELS',
        type=int,
        help='default: 512, or what an exported model names',
    )
    group.add_argument('--overlap', type=int, default=DEFAULTS.overlap, help='default: %(default)s')
    group.add_argument(
        '--batch-size', type=int, default=DEFAULTS.batch_size, help='default: %(default)s'
    )
    group.add_argument(
        '--threshold',
        type=float,
        help="changed where the probability is greater (default: the model's own, 0.5)",
    )
    group.add_argument('--device', help='cpu, cuda, cuda:1 (default: a GPU where there is one)')
    add_inference_arguments(group)
    add_memory_argument(group)
    group.add_argument(
        '--runtime',
        choices=['onnxruntime', 'openvino'],
        help='what runs an exported model (.onnx) (default: onnxruntime)',
    )
    group.add_argument(
        '--resume', action='store_true', help='go on with what a stopped run has finished'
    )
    group.add_argument('--quiet', action='store_true', help='no progress, warnings and errors only')
    add_model_arguments(group)
