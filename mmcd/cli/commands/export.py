"""Export a trained model: ``mmcd export CONFIG CHECKPOINT OUT.onnx ...``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from mmcd.cli.arguments import add_model_arguments, parse_cfg_options
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

DESCRIPTION = """\
Export a trained model to an ONNX file that takes the two images as they are, and gives the
probability of change.

Inputs `before` and `after`, (N, C, H, W), uint8 RGB unless the config describes other images (of
`standardize`: float32, standardised); output `probability`, (N, 1, H, W) float32.
N is free, H and W may be any multiples of what the file names as `mmcd.size_divisor` (16 for
DARNet, 32 for PRX-Change). The file is written only after its output matches PyTorch's."""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'model',
        nargs='+',
        metavar='MODEL',
        help='a checkpoint that mmcd trained, which holds its config, or the name of a network '
        'that comes with mmcd; or CONFIG CHECKPOINT',
    )
    parser.add_argument('out', metavar='OUT', help='the file to write (.onnx)')
    parser.add_argument(
        '--stacked',
        action='store_true',
        help='one input `pair` (N, 2C, H, W) instead, before in the first C channels',
    )
    parser.add_argument(
        '--deepness',
        action='store_true',
        help='a file for the QGIS plugin Deepness, for one layer with the bands of both dates: one '
        'input `pair` of TILE x TILE pixels, in float32 from 0 to 1',
    )
    parser.add_argument(
        '--stac',
        action='store_true',
        help='also write a STAC item of the file (model.stac.json), with what catalogues of '
        'machine-learning models (MLM) ask for',
    )
    said = parser.add_argument_group('what the file states in its metadata')
    said.add_argument(
        '--threshold',
        type=float,
        metavar='P',
        help="changed where the probability is greater (default: the model's own, 0.5)",
    )
    said.add_argument(
        '--tile',
        type=int,
        default=512,
        metavar='PIXELS',
        help='height and width of the tiles of large images (default: %(default)s)',
    )
    said.add_argument(
        '--resolution',
        type=float,
        metavar='METRES',
        help='metres per pixel of the images that the model was trained on (default: as the config '
        'states it)',
    )
    parser.add_argument(
        '--opset',
        type=int,
        metavar='N',
        help="version of ONNX's operators (default: 18, which most runtimes read)",
    )
    parser.add_argument(
        '--as-trained',
        action='store_true',
        help='export the network as it was trained, not restructured for inference',
    )
    add_model_arguments(parser)
    args = parser.parse_args(argv)
    if len(args.model) > 2:
        parser.error(f'name a model, or a config and a checkpoint, not {" ".join(args.model)}')
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmcd.apis import init_model
        from mmcd.export.onnx_export import check_export, describe_report, export_onnx
        from mmcd.export.stac import write_model_item
        from mmcd.inference.model_loading import require_weights
    settings = dict(threshold=args.threshold, tile_size=args.tile, resolution=args.resolution)
    if args.opset is not None:
        settings['opset'] = args.opset
    # Before the model is built, which takes its time.
    check_export(args.out, **settings)
    config, checkpoint = [*args.model, None][:2]
    if checkpoint is None:
        require_weights(config)
    model = init_model(
        config,
        checkpoint,
        cfg_options=parse_cfg_options(args.cfg_options),
        trust_checkpoint=args.trust_checkpoint,
    )
    report = export_onnx(
        model,
        args.out,
        stacked=args.stacked,
        deepness=args.deepness,
        optimize=not args.as_trained,
        **settings,
    )
    print(describe_report(report))
    if args.stac:
        print(f'STAC item: {write_model_item(report)}')
