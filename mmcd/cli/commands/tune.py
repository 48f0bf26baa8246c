"""Tune a model's threshold on the validation split: ``mmcd tune CONFIG CHECKPOINT``.

The checkpoint then brings its threshold wherever it is used: test.py, predict_pair, scenes, export.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmcd.cli.arguments import add_inference_arguments, add_run_arguments, inference_settings
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Tune a model's threshold on the validation split, and write it into the "
        'checkpoint.',
    )
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument('checkpoint', help='checkpoint file (.pth)')
    parser.add_argument(
        '--out', metavar='FILE', help='write another file (default: the checkpoint itself)'
    )
    add_run_arguments(parser)
    add_inference_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmengine.dist import is_main_process
        from mmengine.runner import Runner

        from mmcd.engine.failures import TUNING, explained_building, explained_failures
        from mmcd.engine.inference_swap import innermost, use_predictor
        from mmcd.engine.launch import prepare_run
        from mmcd.engine.peer_watch import PeerWatch
        from mmcd.engine.threshold_tuning import prepare_tuning, tune_threshold, write_threshold
        from mmcd.io.atomic import check_writable
        from mmcd.io.checkpoints import load_weights

    cfg = prepare_run(args)
    out = args.out or args.checkpoint
    prepare_tuning(cfg, args.checkpoint, out)
    check_writable(Path(out))
    with explained_building():
        runner = Runner.from_cfg(cfg)
    load_weights(innermost(runner.model), args.checkpoint, trusted=args.trust_checkpoint)
    use_predictor(runner, **inference_settings(args))
    watch = PeerWatch(advice='Start it again.').start()
    with explained_failures(watch, TUNING):
        tuned = tune_threshold(runner)
    watch.stop()
    if not is_main_process():
        return
    write_threshold(args.checkpoint, tuned, out, trusted=args.trust_checkpoint)
    print(
        f'Threshold {tuned["value"]:g}: F1 {tuned["score"]:.2f} on the {tuned["split"]} split '
        f'({tuned["images"]} images), where 0.5 gives {tuned["default_score"]:.2f}. '
        f'It is in {out}.'
    )
