"""Make the sample data set: aerial scenes at two dates in LEVIR-CD's layout, drawn from a seed.

    python tools/dataset_converters/make_sample_pairs.py

Files that are there already are kept, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mmcd.cli.arguments import add_workers_argument
from mmcd.cli.console import run_tool
from mmcd.synthetic.folder import SampleSettings, prepare_folder, surplus, write_pairs
from mmcd.synthetic.styles import STYLES


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description='Make the sample pairs under data/sample')
    parser.add_argument('--out', type=Path, default=Path('data/sample'), help='folder to fill')
    parser.add_argument('--train', type=int, default=240, help='pairs to train on')
    parser.add_argument('--val', type=int, default=40, help='pairs to validate on')
    parser.add_argument('--test', type=int, default=60, help='pairs to test on')
    parser.add_argument('--size', type=int, default=256, help='height and width in pixels')
    parser.add_argument('--seed', type=int, default=0, help='other seeds make other scenes')
    parser.add_argument(
        '--sensor',
        choices=['rgb', 'rgbn', 'sentinel2'],
        default='rgb',
        help='what the scenes are seen with: 8-bit RGB, or 16-bit TIFF files of four or thirteen '
        'bands (default: %(default)s)',
    )
    parser.add_argument(
        '--style',
        choices=list(STYLES),
        default='sample',
        help='what the scenes are like: those of the demo, easy to learn, or far more varied ones '
        'to train weights with (default: %(default)s)',
    )
    add_workers_argument(parser)
    parser.add_argument(
        '--overwrite', action='store_true', help='remove the pairs that are there first'
    )
    return parser.parse_args(argv)


def report(done: int, total: int) -> None:
    """Show progress: one line that is written over, or ten lines in a log."""
    line = f'made {done} of {total} pairs'
    if sys.stdout.isatty():
        print(f'\r{line}', end='\n' if done == total else '', flush=True)
    elif done * 10 // total > (done - 1) * 10 // total:
        print(line, flush=True)


def main(argv: list[str] | None = None) -> int:
    """Fill the folder; 0 when it is complete."""
    args = parse_args(argv)
    counts = {'train': args.train, 'val': args.val, 'test': args.test}
    settings = SampleSettings(counts, args.size, args.seed, args.sensor, args.style)
    prepare_folder(args.out, settings, args.overwrite)
    for done, total in write_pairs(args.out, settings, args.workers):
        report(done, total)
    print(f'{sum(counts.values())} pairs are in {args.out}')
    if extra := surplus(args.out, settings):
        print(f'{extra} more than asked for were there already and are kept')
    return 0


if __name__ == '__main__':
    run_tool(main)
