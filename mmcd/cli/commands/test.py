"""Test a change-detection model: ``mmcd test CONFIG CHECKPOINT [--out DIR] ...``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmcd.cli.arguments import (
    add_inference_arguments,
    add_result_arguments,
    add_run_arguments,
    add_runtime_argument,
    inference_settings,
)
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.runner import Runner

    from mmcd.inference import ChangePredictor


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description='Test a change-detection model on the test split of its data set.'
    )
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument(
        'checkpoint',
        help='checkpoint file (.pth), an exported model (.onnx), or the name of a network that '
        'comes with mmcd',
    )
    parser.add_argument('--out', metavar='DIR', help='write PNG masks (0 and 255) into DIR')
    parser.add_argument(
        '--show-dir',
        metavar='DIR',
        help='write panels before | after | label | prediction into DIR',
    )
    add_result_arguments(parser)
    parser.add_argument(
        '--exchange-gap',
        action='store_true',
        help='also predict each pair with its dates exchanged, and report how much the two maps '
        'differ; doubles the work',
    )
    add_run_arguments(parser)
    add_inference_arguments(parser)
    add_runtime_argument(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmengine.runner import Runner

        from mmcd.engine.failures import TESTING, explained_building, explained_failures
        from mmcd.engine.inference_swap import innermost, use_predictor
        from mmcd.engine.launch import prepare_run
        from mmcd.engine.peer_watch import PeerWatch
        from mmcd.engine.result_file import change_metric_of, check_result_path
        from mmcd.io.checkpoints import load_weights
    result = args.result or (f'{args.report}/result.json' if args.report else None)
    if result:
        check_result_path(result, args.group_by)
    cfg = prepare_run(args)
    _add_outputs(cfg, args)
    # The file holds the network; a model is built all the same, for the runner's sake.
    predictor = _exported(args)
    with explained_building():
        runner = Runner.from_cfg(cfg)
    if result:
        change_metric_of(runner)
    meta = {}
    if predictor is None:
        meta = load_weights(innermost(runner.model), args.checkpoint, trusted=args.trust_checkpoint)
    own = {} if predictor is None else dict(precision=None)  # it has one already
    use_predictor(runner, predictor, **inference_settings(args) | own, exchange=args.exchange_gap)
    with explained_building():
        _check_threshold(runner)
    watch = PeerWatch(advice='Start the test again.').start()
    with explained_failures(watch, TESTING):
        if result:
            _test_on_record(args, runner, meta, result)
        else:
            runner.test()
    watch.stop()


def _check_threshold(runner: Runner) -> None:
    from mmcd.engine.inference_swap import innermost
    from mmcd.engine.threshold_tuning import check_tuning
    from mmcd.inference.segmentor import PredictorSegmentor

    swapped = innermost(runner.model)
    if isinstance(swapped, PredictorSegmentor):
        check_tuning(runner.test_loop.dataloader.dataset, swapped.predictor.threshold_tuning)


def _add_outputs(cfg: Config, args: argparse.Namespace) -> None:
    from mmcd.engine.launch import add_hook
    from mmcd.engine.result_file import use_detail

    if args.detail or args.report:
        use_detail(cfg)
    if args.out or args.show_dir:
        add_hook(cfg, dict(type='SavePredictionsHook', mask_dir=args.out, panel_dir=args.show_dir))
    if args.report:
        add_hook(cfg, dict(type='ReportPicturesHook', report_dir=args.report))


def _test_on_record(
    args: argparse.Namespace, runner: Runner, meta: Mapping[str, Any], result: str
) -> None:
    """Test, and write the record and, where it is asked for, the page."""
    from mmcd.engine.protocol import describe_protocol
    from mmcd.engine.report_pictures import write_test_page
    from mmcd.engine.result_file import write_result

    protocol = describe_protocol(
        runner, config=args.config, checkpoint=args.checkpoint, checkpoint_meta=meta
    )
    runner.test()
    record = write_result(result, runner, protocol, source_pattern=args.group_by)
    if args.report and record is not None:  # in the first of several processes
        print(f'Report: {write_test_page(args.report, runner, record)}')


def _exported(args: argparse.Namespace) -> ChangePredictor | None:
    """The predictor of an exported model's file; None where it is a checkpoint."""
    from mmcd.inference.exported import ExportedPredictor, is_exported

    if is_exported(args.checkpoint):
        return ExportedPredictor(
            args.checkpoint,
            runtime=args.runtime or 'onnxruntime',
            precision=args.precision or ('bfloat16' if args.amp else 'float32'),
        )
    if args.runtime:
        raise ConfigError('--runtime is for exported models (.onnx).')
    return None
