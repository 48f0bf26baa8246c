"""Map whole scenes: ``mmcd map BEFORE AFTER --out OUT.tif ...``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mmcd.cli.arguments import parse_cfg_options
from mmcd.cli.console import EXIT_ERROR, quiet_imports
from mmcd.errors import MMCDError
from mmcd.install.extras import require_geo
from mmcd.install.stack import require_stack
from mmcd.scene.settings import SceneOutputs, SceneSettings, add_scene_arguments, scene_settings

if TYPE_CHECKING:
    from mmcd.inference import ChangePredictor
    from mmcd.scene.pair_list import ScenePair
    from mmcd.scene.sharing import Share

DESCRIPTION = """\
Map what changed between two georeferenced rasters of any size.

The map has 0 for unchanged, 1 for changed, 255 for no data. Beside it goes a JSON report, while it
works a folder OUT.tif.parts with the finished strips. Several processes share the work:
  torchrun --nproc-per-node 2 tools/infer_scene.py CONFIG CHECKPOINT BEFORE AFTER --out OUT.tif"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument('checkpoint', help='checkpoint file (.pth), or an exported model (.onnx)')
    parser.add_argument('before', nargs='?', help='first date: GeoTIFF, VRT, JPEG 2000, PNG, ...')
    parser.add_argument(
        'after', nargs='?', help='second date; warped to the first one where needed'
    )
    add_scene_arguments(parser)
    args = parser.parse_args(argv)
    if (args.pairs is None) != (None not in (args.before, args.after, args.out)) or (
        args.pairs and (args.before or args.out or args.probability or args.vectors)
    ):
        parser.error(
            'name BEFORE, AFTER and --out, or a list of scenes with --pairs, which has them'
        )
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    settings = scene_settings(args)
    require_stack()
    require_geo()
    with quiet_imports():
        from mmcd.apis import init_model
        from mmcd.engine.launch import use_kept_memory
        from mmcd.inference import make_predictor
        from mmcd.inference.exported import is_exported
    logging.basicConfig(format='%(message)s', level=logging.WARNING)
    logging.getLogger('mmcd.scene').setLevel(logging.WARNING if args.quiet else logging.INFO)
    if args.keep_memory:
        use_kept_memory()
    pairs = _pairs(args)
    share = _join_processes()
    model = init_model(
        args.config,
        args.checkpoint,
        device=args.device or _own_device(),
        cfg_options=parse_cfg_options(args.cfg_options),
        trust_checkpoint=args.trust_checkpoint,
        runtime=args.runtime,
        precision=args.precision if is_exported(args.checkpoint) else None,
    )
    try:
        predictor = make_predictor(
            model,
            precision=args.precision,
            compile=args.compile,
            optimize=not args.as_trained,
            tta=args.tta,
        )
        return _map_all(predictor, pairs, settings, args, share)
    finally:
        _leave_processes(share)


def _pairs(args: argparse.Namespace) -> list[ScenePair]:
    from mmcd.scene.pair_list import ScenePair, read_pair_list

    if args.pairs is not None:
        return read_pair_list(args.pairs)
    outputs = SceneOutputs.named(args.out, args.probability, args.vectors)
    return [ScenePair(args.before, args.after, outputs)]


def _join_processes() -> Share:
    """The processes that torchrun has started, on one machine or on several."""
    from torch import distributed

    from mmcd.scene.sharing import Share

    world = int(os.environ.get('WORLD_SIZE', 1))
    if world == 1 or 'RANK' not in os.environ:
        return Share()
    # They meet only around a scene; how long the slowest one takes is not for a clock to say.
    distributed.init_process_group('gloo', timeout=timedelta(days=30))
    return Share(rank=distributed.get_rank(), world=world)


def _leave_processes(share: Share) -> None:
    from torch import distributed

    if share.world > 1:
        distributed.destroy_process_group()


def _own_device() -> str:
    import torch

    if not torch.cuda.is_available():
        return 'cpu'
    return f'cuda:{int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count()}'


def _map_all(
    predictor: ChangePredictor,
    pairs: list[ScenePair],
    settings: SceneSettings,
    args: argparse.Namespace,
    share: Share,
) -> int:
    """Map the scenes; one that fails does not keep the others from being mapped."""
    from mmcd.scene.scene import map_scene
    from mmcd.scene.sharing import Share

    # Many scenes are dealt out, each to one process; few are mapped by all together.
    alone = len(pairs) >= share.world and len(pairs) > 1
    mine = share.dealt(pairs) if alone else pairs
    failed = 0
    for pair in mine:
        try:
            map_scene(
                predictor,
                pair.before,
                pair.after,
                pair.outputs,
                settings,
                resume=args.resume,
                share=Share() if alone else share,
                progress=not args.quiet and share.is_first,
            )
        except KeyboardInterrupt:
            print('\nThe same command with --resume goes on from here.', file=sys.stderr)
            raise
        except MMCDError as error:
            if not alone:
                raise
            failed += 1
            print(f'error: {pair.outputs.mask}: {error}', file=sys.stderr)
    if failed:
        print(f'{failed} of {len(mine)} scenes failed.', file=sys.stderr)
    return EXIT_ERROR if failed else 0
