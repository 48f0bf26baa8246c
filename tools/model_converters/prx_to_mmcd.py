"""Convert a checkpoint of the official PRX-Change release.

Usage: python tools/model_converters/prx_to_mmcd.py SRC DST [--config CONFIG]

SRC is a state dict in the release's names. No code from the file is run. The variant (depth of the
encoder, cross-attention) is told by the names; the config that DST works with is printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Convert an official PRX-Change checkpoint.')
    parser.add_argument('src', metavar='SRC', help='the official checkpoint')
    parser.add_argument('dst', metavar='DST', help='where to write ours (.pth)')
    parser.add_argument(
        '--config',
        help='a config of the same network (default: prx_levir.py or prx_levir_cross.py, as the '
        'names in the file tell; prx_levir_refine.py keeps the refinement for training on)',
    )
    return parser.parse_args()


def choose_config(names: Collection[str]) -> tuple[Path, dict[str, Any]]:
    """The config of a variant, and the settings that differ from it."""
    options: dict[str, Any] = {}
    if any('backbone.layer1.2.' in name for name in names):
        options['model.backbone.depth'] = 34
    if not any('.x_cross.' in name for name in names):
        return CONFIGS / 'prx_levir.py', options
    if not any('.PFRM.' in name for name in names):
        options['model.decode_head.refinement'] = False
    return CONFIGS / 'prx_levir_cross.py', options


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        from mmcd.config import load_config
        from mmcd.conversion.checkpoint_conversion import convert_checkpoint, describe_conversion
        from mmcd.conversion.prx import PRX
        from mmcd.io.restricted_unpickler import read_pickled_tensors
    config, options = Path(args.config or ''), {}
    if not args.config:
        config, options = choose_config(read_pickled_tensors(args.src))
    cfg = load_config(config, options)
    conversion = convert_checkpoint(args.src, args.dst, PRX, cfg)
    print(describe_conversion(conversion, args.dst))
    settings = ' '.join(f'{key}={value}' for key, value in options.items())
    print(f'for the config {config.name}' + (f' with --cfg-options {settings}' if settings else ''))


if __name__ == '__main__':
    run_tool(main)
