"""Train a change-detection model: ``mmcd train CONFIG [--work-dir DIR] [--resume] ...``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.cli.arguments import add_run_arguments
from mmcd.errors import WorkerLostError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(prog=prog, description='Train a change-detection model.')
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument(
        '--resume',
        action='store_true',
        help='go on from the latest checkpoint in the work dir, if there is one',
    )
    add_run_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> None:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmcd.engine.launch import locked_work_dir, prepare_run
    cfg = prepare_run(args)
    cfg.resume = args.resume
    with locked_work_dir(cfg):
        train(cfg, amp=args.amp, trusted=args.trust_checkpoint)


def train(cfg: Config, *, amp: bool, trusted: bool = False) -> None:
    """Train by a config that is ready to run.

    Args:
        cfg: from :func:`mmcd.engine.launch.prepare_run`.
        amp: in mixed precision.
        trusted: checkpoints may run code.
    """
    with quiet_imports():
        from mmcd.engine.failures import (
            explained_building,
            explained_failures,
            explained_first_step,
        )
        from mmcd.engine.graceful_stop import GracefulStopHook, stop_request
        from mmcd.engine.hooks import is_finished
        from mmcd.engine.launch import use_mixed_precision
        from mmcd.engine.peer_watch import PeerWatch
        from mmcd.engine.stages import prepare_start
        from mmcd.engine.train_runner import TrainRunner
    if cfg.resume and is_finished(cfg):
        print(f'The run in {cfg.work_dir} is finished; without --resume it starts anew.')
        return
    if amp or cfg.get('mixed_precision'):
        use_mixed_precision(cfg)
    prepare_start(cfg, trusted=trusted)
    with stop_request() as request, explained_failures():
        with explained_building():
            runner = TrainRunner.from_cfg(cfg)
            runner.build_for_training()
        stop = GracefulStopHook(request)
        runner.register_hook(stop)
        watch = PeerWatch().start()
        try:
            with explained_first_step(request), explained_failures(watch):
                runner.train()
            watch.stop()
        except WorkerLostError:
            if request.signal:  # the loading processes have got it as well, and ended first
                stop.end(runner, request.signal, runner.iter)
            raise
        except KeyboardInterrupt:
            print(f'\nStopped. {_how_to_go_on(Path(cfg.work_dir), runner.iter)}', file=sys.stderr)
            raise


def _how_to_go_on(work_dir: Path, iteration: int) -> str:
    pointer = work_dir / 'last_checkpoint'
    if not pointer.is_file():
        return f'No checkpoint was written in the {iteration} iterations done.'
    return (
        f'The last checkpoint is {pointer.read_text().strip()}; the same command with --resume '
        'goes on from it.'
    )
