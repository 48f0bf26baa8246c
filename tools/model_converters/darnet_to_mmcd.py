"""Convert a checkpoint of the official DARNet release.

Usage: python tools/model_converters/darnet_to_mmcd.py SRC DST [--config CONFIG]

SRC is a pickled network as the release saves it, or a state dict in its names. No code from the
file is run. DST then works with tools/test.py and the config.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

CONFIG = Path(__file__).resolve().parents[2] / 'configs' / 'darnet_levir.py'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Convert an official DARNet checkpoint.')
    parser.add_argument('src', metavar='SRC', help='the official checkpoint')
    parser.add_argument('dst', metavar='DST', help='where to write ours (.pth)')
    parser.add_argument(
        '--config',
        default=CONFIG,
        help='a config of the same network (default: the one for LEVIR-CD)',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        from mmcd.conversion.checkpoint_conversion import convert_checkpoint, describe_conversion
        from mmcd.conversion.darnet import DARNET
    conversion = convert_checkpoint(args.src, args.dst, DARNET, args.config)
    print(describe_conversion(conversion, args.dst))


if __name__ == '__main__':
    run_tool(main)
