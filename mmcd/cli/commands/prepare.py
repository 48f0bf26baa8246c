"""Prepare a data set: from the archive as downloaded and unpacked to pairs ready to train on.

    mmcd prepare levir-cd LEVIR-CD data/LEVIR-CD-256 --tile 256
    mmcd prepare whu-cd DOWNLOADS data/WHU-CD
    mmcd prepare oscd data/OSCD
    mmcd prepare folder SRC DST --before A --after B --label label \
        --tile 256 --blocks 6

Stopped? The same command goes on where it stopped. Train with --cfg-options data_root=DST.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.cli.arguments import add_layout_arguments, add_workers_argument, layout_options
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmcd.data_tools.prepare.preparation import Preparation, Request
    from mmcd.data_tools.prepare.sources import Source

AS_DOWNLOADED = ('oscd', 'sztaki')  # nothing is written of these
NAMES = (
    *('levir-cd', 'cdd', 'sysu-cd', 'dsifn-cd', 's2looking', 'clcd', 'whu-cd', 'folder'),
    *AS_DOWNLOADED,
)


def parse_args(argv: Sequence[str] | None = None, prog: str | None = None) -> argparse.Namespace:
    """The arguments, read from ``argv``; by default those of the process."""
    parser = argparse.ArgumentParser(
        prog=prog, description='Prepare a change-detection data set for training.'
    )
    parser.add_argument(
        'name',
        choices=NAMES,
        metavar='NAME',
        help=f'one of {", ".join(NAMES)}; folder: pairs of your own; {" and ".join(AS_DOWNLOADED)} '
        'are used as downloaded and only checked',
    )
    parser.add_argument('source', type=Path, metavar='SRC', help='the unpacked archive')
    parser.add_argument('out', type=Path, nargs='?', metavar='DST', help='the folder to fill')
    add_workers_argument(parser)
    parser.add_argument('--dry-run', action='store_true', help='say what would be done')
    parser.add_argument(
        '--overwrite', action='store_true', help='replace pairs prepared with other settings'
    )
    _add_tiling(parser.add_argument_group('tiles (default: images stay whole)'))
    _add_division(parser.add_argument_group('pairs without splits of their own'))
    group = parser.add_argument_group('pairs of your own')
    group.add_argument(
        '--pairs',
        metavar='TABLE|PATTERNS',
        help='pairs whose files have other names: a table (.csv) with the columns before, after, '
        'label, or patterns such as "{name}_2016.tif {name}_2018.tif {name}_mask.png". Labels may '
        'be polygons (GeoJSON, GeoPackage, shapefile) of the changes, or, with a fourth pattern or '
        'a column label_after, of the footprints at both dates',
    )
    add_layout_arguments(group, ' (default: as published; A, B and label)')
    args = parser.parse_args(argv)
    if args.name in AS_DOWNLOADED and args.out is not None:
        parser.error(
            f'{args.name} is read as it is downloaded, so nothing is written into {args.out}: '
            'leave DST out'
        )
    if args.name not in AS_DOWNLOADED and args.out is None:
        parser.error('name DST, the folder to fill')
    return args


def _add_tiling(group: argparse._ArgumentGroup) -> None:
    group.add_argument('--tile', type=int, metavar='N', help='cut into tiles of N by N pixels')
    group.add_argument(
        '--stride', type=int, metavar='N', help='from one tile to the next (default: as --tile)'
    )
    group.add_argument(
        '--edge',
        choices=['shift', 'pad', 'drop'],
        default='shift',
        help='what happens to a remainder: the last tile moves back and overlaps its neighbour '
        '(shift, the default), is filled up with zeros and ignored (pad), or is left out (drop)',
    )
    group.add_argument(
        '--png-compression',
        type=_compression,
        default=1,
        metavar='0..9',
        help='of the tiles (default: 1); 0 takes half as much space again and is read in a third '
        'of the time',
    )


def _compression(text: str) -> int:
    level = int(text)
    if not 0 <= level <= 9:
        raise ValueError(text)
    return level


def _add_division(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        '--split',
        type=float,
        nargs=3,
        default=[0.7, 0.1, 0.2],
        metavar=('TRAIN', 'VAL', 'TEST'),
        help='shares of the splits (default: 0.7 0.1 0.2)',
    )
    group.add_argument('--seed', type=int, default=0, help='seed of the split (default: 0)')
    ways = group.add_mutually_exclusive_group()
    ways.add_argument(
        '--blocks',
        type=int,
        metavar='N',
        help='divide scenes by blocks, N along the longer side; tiles between two splits are left '
        'out, so that neighbours never fall on both sides',
    )
    ways.add_argument(
        '--by-tile',
        action='store_true',
        help='draw tiles of all scenes at random, as many papers do: neighbours fall on both '
        'sides, so that scores are too good',
    )


def chosen_source(args: argparse.Namespace) -> Source:
    """The data set, with what the arguments say of its folders and labels."""
    from mmcd.data_tools.prepare.sources import SOURCES

    source = SOURCES[args.name]
    if args.pairs and args.name != 'folder':
        raise ConfigError(f'--pairs is for pairs of your own (folder), not for {args.name}.')
    return replace(source, pairs=args.pairs, layout=replace(source.layout, **layout_options(args)))


def request(args: argparse.Namespace) -> Request:
    """What the arguments ask for."""
    from mmcd.data_tools.prepare.dataset_plan import Division
    from mmcd.data_tools.prepare.preparation import Request
    from mmcd.data_tools.prepare.splitting import Ratios
    from mmcd.data_tools.prepare.tile_grid import TileGrid

    source = chosen_source(args)
    tile = source.tile if args.tile is None else args.tile
    if tile is None and args.stride is not None:
        raise ConfigError('--stride is the step between tiles: it needs --tile N.')
    tiling = None
    if tile is not None:
        tiling = TileGrid(tile, tile if args.stride is None else args.stride, args.edge)
    given = source.blocks if args.blocks is None else args.blocks
    blocks = None if args.by_tile else given
    train, val, test = args.split
    division = Division(Ratios(train, val, test, args.seed), blocks, args.by_tile)
    return Request(args.name, source, args.source, args.out, tiling, division, args.png_compression)


def describe(preparation: Preparation) -> str:
    """What will be in the folder."""
    plan, tiling = preparation.plan, preparation.request.tiling
    pairs = plan.pairs()
    counts = ', '.join(
        f'{pairs[split]:,} {split}' for split in ('train', 'val', 'test') if pairs[split]
    )
    what = f'tiles of {tiling.size}x{tiling.size}' if tiling else 'whole images'
    lines = [f'{preparation.request.out}: {counts} pairs, {what}']
    if tiling and plan.left_out:
        lines.append(f'{plan.left_out:.1%} of the pixels lie in no tile (--edge {tiling.edge})')
    if plan.padded:
        lines.append(f'{plan.padded:,} tiles are padded; padded pixels count as ignored')
    if plan.between:
        lines.append(f'{plan.between:,} tiles between two splits are left out')
    if preparation.request.division.by_tile:
        lines.append(
            'tiles are drawn at random: neighbours are in different splits, so that '
            'scores on these will be too good'
        )
    if not preparation.classes.is_binary:
        names = list(preparation.classes.names)
        lines.append(f'its data sets in the config need metainfo=dict(classes={names})')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None, prog: str | None = None) -> int:
    """Run the command; see its ``--help``."""
    args = parse_args(argv, prog)
    require_stack()
    with quiet_imports():
        from mmcd.data_tools.prepare.as_downloaded import check_download
        from mmcd.data_tools.prepare.preparation import Preparation
    from mmcd.cli.progress import track

    if args.name in AS_DOWNLOADED:
        print(check_download(args.name, args.source))
        return 0

    if args.workers < 1:
        raise ConfigError(f'--workers is at least 1; got {args.workers}.')
    preparation = Preparation(request(args))
    print(describe(preparation))
    if args.dry_run:
        print('Nothing was written (--dry-run).')
        return 0
    preparation.start(args.overwrite)
    results = list(track(preparation.run(args.workers), len(preparation.jobs()), 'preparing'))
    preparation.finish(results)
    written, kept = sum(r.written for r in results), sum(r.kept for r in results)
    print(f'{written:,} pairs written' + (f', {kept:,} were there already' if kept else ''))
    return 0
