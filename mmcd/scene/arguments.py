"""The options of tools/infer_scene.py, and the settings that they make.

Imports are light, so that ``--help`` and a misspelt option answer at once.
"""

from __future__ import annotations

import argparse

from mmcd.cli.arguments import add_inference_arguments, add_memory_argument, add_model_arguments
from mmcd.scene.settings import PROBABILITY_TYPES, RESAMPLINGS, SCALINGS, SceneSettings

DEFAULTS = SceneSettings()


def add_scene_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options in their groups."""
    _add_outputs(parser.add_argument_group('outputs'))
    _add_reading(parser.add_argument_group('reading'))
    _add_prediction(parser.add_argument_group('prediction'))


def scene_settings(
    args: argparse.Namespace,
    *,
    tile_size: int = DEFAULTS.tile_size,
    threshold: float = DEFAULTS.threshold,
) -> SceneSettings:
    """The settings that the options name.

    Args:
        args: of :func:`add_scene_arguments`.
        tile_size: where the options name none: an exported model may have its own.
        threshold: likewise.

    Raises:
        SceneError: some of them can't be used.
    """
    return SceneSettings(
        tile_size=tile_size if args.tile is None else args.tile,
        overlap=args.overlap,
        batch_size=args.batch_size,
        threshold=threshold if args.threshold is None else args.threshold,
        bands=tuple(args.bands),
        no_data=args.no_data,
        resampling=args.resampling,
        scaling=args.scaling,
        value_range=None if args.value_range is None else tuple(args.value_range),
        probability_type=args.probability_type,
        cog=args.cog,
        min_area=args.min_area,
        simplify=args.simplify,
    )


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
        default=DEFAULTS.bands,
        help='bands in the order red, green, blue (default: 1 2 3)',
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
        default=DEFAULTS.scaling,
        help='16 bit to 8 bit: one value range for both dates, or one each (default: %(default)s)',
    )
    group.add_argument(
        '--value-range',
        nargs=2,
        type=float,
        metavar=('LOW', 'HIGH'),
        help='16 bit to 8 bit: values that become 0 and 255 (default: 2nd and 98th percentiles)',
    )


def _add_prediction(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--tile', type=int, help=f'default: {DEFAULTS.tile_size}, or what an exported model names'
    )
    group.add_argument('--overlap', type=int, default=DEFAULTS.overlap, help='default: %(default)s')
    group.add_argument(
        '--batch-size', type=int, default=DEFAULTS.batch_size, help='default: %(default)s'
    )
    group.add_argument(
        '--threshold',
        type=float,
        help=f'default: {DEFAULTS.threshold}, or what an exported model names',
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
