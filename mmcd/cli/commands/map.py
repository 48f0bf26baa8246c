"""Map whole scenes: ``mmcd map BEFORE AFTER --out OUT.tif ...``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.cli.arguments import inference_settings, parse_cfg_options, with_negative_numbers
from mmcd.cli.console import EXIT_RUN
from mmcd.errors import ConfigError, MMCDError
from mmcd.install.chatter import quiet_imports
from mmcd.install.extras import require_geo
from mmcd.install.stack import require_stack
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.settings import (
    MODEL_RESOLUTION,
    SceneSettings,
    add_scene_arguments,
    scene_settings,
)
from mmcd.weights import NAMES

if TYPE_CHECKING:
    from mmcd.inference import ChangePredictor
    from mmcd.scene.pair_list import ScenePair
    from mmcd.scene.sharing import Share

DEFAULT_MODEL = 'buildings'
STRIPS_ARE_KEPT = 'The strips that were finished are kept: go on from them with --resume.'
DESCRIPTION = """\
Map what changed between two georeferenced rasters of any size.

The map has 0 for unchanged, 1 for changed, 255 for no data. Beside it lie a JSON report and, during
the run, a folder OUT.tif.parts with the finished strips. Several processes can share the work:
  torchrun --nproc-per-node 2 -m mmcd map BEFORE AFTER --model FILE --out OUT.tif"""


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'paths',
        nargs='*',
        metavar='BEFORE AFTER',
        help='the two dates: GeoTIFF, VRT, JPEG 2000, PNG, ..., or a folder with a file for each '
        'band of Sentinel-2, such as an unpacked product (.SAFE); the second one is warped to the '
        'first where needed. Or CONFIG CHECKPOINT BEFORE AFTER, for a model whose file does not '
        'contain its config',
    )
    parser.add_argument(
        '--model',
        metavar='FILE',
        help='a checkpoint that mmcd trained or an exported model (.onnx), which hold all that is '
        f'needed, or the name of a network that comes with mmcd (default: {DEFAULT_MODEL})',
    )
    add_scene_arguments(parser)
    return _sorted(parser, parser.parse_args(with_negative_numbers(argv)))


def _sorted(parser: argparse.ArgumentParser, args: argparse.Namespace) -> argparse.Namespace:
    """Tell config, checkpoint and images apart by how many words there are."""
    scenes = 0 if args.pairs else 2
    words = args.paths
    if len(words) == scenes + 2 and not args.model:
        args.config, args.checkpoint, *words = words
    else:
        args.config, args.checkpoint = args.model or DEFAULT_MODEL, None
    if (
        len(words) != scenes
        or bool(args.out) == bool(args.pairs)
        or (args.pairs and (args.probability or args.vectors))
    ):
        parser.error(
            'name BEFORE, AFTER and --out, or --pairs, a list that names these for each scene'
        )
    args.before, args.after = words or (None, None)
    return args


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    settings = _fitted(scene_settings(args), args)
    require_stack()
    require_geo()
    with quiet_imports():
        from mmcd.apis import init_model
        from mmcd.engine.failures import MAPPING, explained_failures
        from mmcd.engine.launch import use_kept_memory
        from mmcd.engine.peer_watch import PeerWatch
        from mmcd.inference import make_predictor
        from mmcd.inference.exported import is_exported
        from mmcd.inference.model_loading import require_weights
    logging.basicConfig(format='%(message)s', level=logging.WARNING)
    logging.getLogger('mmcd.scene').setLevel(logging.WARNING if args.quiet else logging.INFO)
    use_kept_memory(args.keep_memory)
    if args.checkpoint is None:
        require_weights(args.config)
    pairs = _pairs(args)
    share = _join_processes()
    model = init_model(
        args.config,
        args.checkpoint,
        device=_own_device(args),
        cfg_options=parse_cfg_options(args.cfg_options),
        trust_checkpoint=args.trust_checkpoint,
        runtime=args.runtime,
        precision=args.precision if is_exported(args.checkpoint or args.config) else None,
    )
    predictor = make_predictor(
        model,
        **inference_settings(args),
    )
    watch = PeerWatch(advice=STRIPS_ARE_KEPT).start()
    try:
        with explained_failures(watch, MAPPING):
            status = _map_all(predictor, pairs, settings, args, share)
        watch.stop()
    finally:
        _leave_processes(share)
    return status


def _fitted(settings: SceneSettings, args: argparse.Namespace) -> SceneSettings:
    """For networks of ours, images of any type and resolution are brought to what they know."""
    if args.config not in NAMES or args.checkpoint is not None:
        return settings
    return replace(
        settings,
        scaling=settings.scaling or 'shared',
        resample_to=settings.resample_to or MODEL_RESOLUTION,
    )


def _pairs(args: argparse.Namespace) -> list[ScenePair]:
    from mmcd.scene.pair_list import ScenePair, read_pair_list

    if args.pairs is not None:
        return read_pair_list(args.pairs)
    outputs = SceneOutputs.named(args.out, args.probability, args.vectors)
    return [ScenePair(args.before, args.after, outputs)]


def _pages(args: argparse.Namespace, pairs: list[ScenePair]) -> list[Path | None]:
    """The folder of each scene's page; those of a list lie to each other as the maps do."""
    if args.report is None:
        return [None] * len(pairs)
    if not args.pairs:
        return [Path(args.report)]
    folders = [pair.outputs.mask.parent.resolve() for pair in pairs]
    try:
        common = os.path.commonpath(folders)
    except ValueError as error:  # on Windows
        raise ConfigError(
            f'--report arranges the pages in folders as the maps are, but the maps of {args.pairs} '
            'are on several drives. Write them to one drive, or leave --report out.'
        ) from error
    return [
        Path(args.report, folder.relative_to(common), pair.outputs.mask.stem)
        for folder, pair in zip(folders, pairs, strict=True)
    ]


def _join_processes() -> Share:
    """The processes that torchrun has started, on one machine or on several."""
    from torch import distributed

    from mmcd.scene.sharing import Share

    world = int(os.environ.get('WORLD_SIZE', 1))
    if world == 1 or 'RANK' not in os.environ:
        return Share()
    # They meet only around a scene; how long the slowest one takes is not for a clock to say, and
    # one that is lost is noticed by the others' watch.
    distributed.init_process_group('gloo', timeout=timedelta(days=30))
    return Share(rank=distributed.get_rank(), world=world)


def _leave_processes(share: Share) -> None:
    from torch import distributed

    if share.world > 1:
        distributed.destroy_process_group()


def _own_device(args: argparse.Namespace) -> str:
    """The device that is named; else this process's GPU, where one can run the model.

    `cuda` without a number is this process's, too.
    """
    if args.device not in (None, 'cuda'):
        return args.device
    import torch

    from mmcd.inference.exported import is_exported
    from mmcd.inference.runtimes import ONNX_RUNTIME, supports_cuda

    if not torch.cuda.is_available():
        return args.device or 'cpu'  # cuda is refused where the model is opened
    exported = is_exported(args.checkpoint or args.config)
    if not args.device and exported and not supports_cuda(args.runtime or ONNX_RUNTIME):
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

    # Of many scenes each is mapped by one process; few are mapped by all together.
    alone = len(pairs) >= share.world and len(pairs) > 1
    scenes = list(zip(pairs, _pages(args, pairs), strict=True))
    mine = share.strided(scenes) if alone else scenes
    failed = 0
    for pair, page in mine:
        try:
            map_scene(
                predictor,
                pair.before,
                pair.after,
                pair.outputs,
                settings,
                page=page,
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
    return EXIT_RUN if failed else 0
