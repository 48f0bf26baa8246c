"""Will it work on other images? F1 where one date is shifted, darker, blurred, noisy, coarser ...

    python tools/analysis_tools/robustness.py CONFIG CHECKPOINT --images 20 --plot robustness.svg

Every disturbance is planted into one date of the test split's images; the labels stay. Each costs a
prediction of every image: about 25 times a test.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmcd.cli.arguments import (
    add_inference_arguments,
    add_model_arguments,
    add_runtime_argument,
    inference_settings,
    parse_cfg_options,
)
from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.dataset import BaseDataset

    from mmcd.evaluation.disturbances import Disturbance
    from mmcd.inference.segmentor import PredictorSegmentor

PLOT_SUFFIXES = ('.png', '.svg')


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='F1 where one date of the images is disturbed.')
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument('checkpoint', help='checkpoint file (.pth), or an exported model (.onnx)')
    parser.add_argument(
        '--date',
        choices=['before', 'after'],
        default='after',
        help='the date that is disturbed (default: %(default)s)',
    )
    parser.add_argument(
        '--only',
        nargs='+',
        metavar='KIND',
        help='only these kinds of disturbances, of shift, gain, offset, blur, noise, coarser, JPEG',
    )
    parser.add_argument(
        '--images', type=int, metavar='N', help='use N evenly spaced test images (default: all)'
    )
    parser.add_argument('--seed', type=int, default=0, help='noise seed (default: %(default)s)')
    parser.add_argument('--device', default='cpu', help='cpu, cuda, cuda:1 (default: %(default)s)')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write the figures')
    parser.add_argument('--plot', type=Path, metavar='FILE', help='draw them, as .png or .svg')
    add_model_arguments(parser)
    add_inference_arguments(parser)
    add_runtime_argument(parser)
    return parser.parse_args(argv)


def check_args(args: argparse.Namespace) -> None:
    """Before work starts.

    Raises:
        ConfigError: an output or a number can't be used.
    """
    if args.plot and args.plot.suffix.lower() not in PLOT_SUFFIXES:
        raise ConfigError(f'--plot is a .png or .svg file; got {args.plot}.')
    for path in (args.out, args.plot):
        if path and not path.parent.is_dir():
            raise ConfigError(f'There is no folder {path.parent} for {path.name}.')
    if args.images is not None and args.images < 1:
        raise ConfigError(f'--images is 1 or more; got {args.images}.')


def format_results(results: list[dict[str, Any]]) -> str:
    """A line a disturbance: F1, its interval, and how far it is from the undisturbed one."""
    from mmcd.evaluation.table import align

    rows = [['disturbance', 'F1', '95 % interval', 'change', 'precision', 'recall']]
    for each in results:
        interval = each['f1_interval']
        rows.append(
            [
                each['name'],
                f'{each["f1"]:.2f}',
                '{:.2f} to {:.2f}'.format(*interval) if interval else '',
                f'{each["f1"] - results[0]["f1"]:+.2f}',
                f'{each["precision"]:.2f}',
                f'{each["recall"]:.2f}',
            ]
        )
    return align(rows)


def choose(disturbances: list[Disturbance], only: list[str] | None) -> list[Disturbance]:
    """Those of the kinds that were asked for.

    Raises:
        ConfigError: there is no such kind, or not of such images.
    """
    kinds = {each.kind for each in disturbances}
    if only and not set(only) <= kinds:
        raise ConfigError(f'--only takes {", ".join(sorted(kinds))}; got {" ".join(only)}.')
    return [each for each in disturbances if not only or each.kind in only]


def write(
    args: argparse.Namespace,
    results: list[dict[str, Any]],
    dataset: BaseDataset,
    segmentor: PredictorSegmentor,
    cfg: Config,
    number: int,
) -> None:
    """The figures with their protocol, of which the number of images, and the plot."""
    from mmcd.engine.protocol import (
        describe_model,
        describe_software,
        describe_split,
        describe_windows,
    )
    from mmcd.io.atomic import write_whole
    from mmcd.io.hashing import sha256_of
    from mmcd.visualization.robustness_plot import draw_robustness
    from mmcd.weights import find_model_file

    if args.out:
        protocol = dict(
            config=str(args.config),
            checkpoint=args.checkpoint,
            checkpoint_sha256=sha256_of(find_model_file(args.checkpoint)),
            **describe_split(dataset),
            images=number,
            disturbed=args.date,
            seed=args.seed,
            **describe_windows(cfg),
            **describe_model(segmentor),
            **describe_software(),
        )
        record = dict(schema=1, results=results, protocol=protocol)
        write_whole(args.out, json.dumps(record, indent=1) + '\n')
    if args.plot:
        write_whole(args.plot, draw_robustness(results, args.plot.suffix.lower()))


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    check_args(args)
    require_stack()
    with quiet_imports():
        import mmseg.datasets  # noqa: F401  the pipelines' transforms

        from mmcd.apis import init_model
        from mmcd.cli.progress import track
        from mmcd.engine.robustness import measure_robustness
        from mmcd.engine.threshold_tuning import check_tuning
        from mmcd.evaluation.disturbances import all_disturbances
        from mmcd.inference import make_predictor
        from mmcd.inference.exported import is_exported
        from mmcd.inference.segmentor import PredictorSegmentor
        from mmcd.registry import DATASETS

    model = init_model(
        args.config,
        args.checkpoint,
        args.device,
        parse_cfg_options(args.cfg_options),
        trust_checkpoint=args.trust_checkpoint,
        runtime=args.runtime,
        precision=args.precision if is_exported(args.checkpoint) else None,
    )
    predictor = make_predictor(
        model,
        **inference_settings(args),
    )
    dataset = DATASETS.build(model.cfg.test_dataloader.dataset)
    check_tuning(dataset, predictor.threshold_tuning)
    disturbances = choose(all_disturbances(predictor.image), args.only)
    number = min(args.images or len(dataset), len(dataset))
    indices = [index * len(dataset) // number for index in range(number)]
    segmentor = PredictorSegmentor(predictor, model.cfg.model.get('test_cfg'))
    results = measure_robustness(
        segmentor,
        dataset,
        disturbances,
        track(indices, number, 'disturbing'),
        date=args.date,
        seed=args.seed,
    )
    print(format_results(results))
    write(args, results, dataset, segmentor, model.cfg, number)


if __name__ == '__main__':
    run_tool(main)
