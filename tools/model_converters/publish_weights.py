"""Write a trained network as one safetensors file that opens without its config.

Usage: python tools/model_converters/publish_weights.py CONFIG CHECKPOINT [CHECKPOINT ...]
           --out FILE.safetensors [--threshold T] [--licence NAME] [--cfg-options ...]

The weights of several checkpoints of one run are averaged. The file holds no code by its format,
and the optimiser's state is left out. `init_model('FILE.safetensors')` opens it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Write a network as one safetensors file.')
    parser.add_argument('config', metavar='CONFIG', help='what it was trained with')
    parser.add_argument(
        'checkpoints', metavar='CHECKPOINT', nargs='+', help='of one run; several are averaged'
    )
    parser.add_argument('--out', required=True, help='the file to write (.safetensors)')
    parser.add_argument(
        '--threshold',
        type=float,
        help='changed where the probability is greater (default: that of the config, or the one '
        'that the checkpoint brings, such as a tuned one; else 0.5)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        metavar='KEY=VALUE',
        help='settings to replace in the file, such as image.metres_per_pixel=0.5',
    )
    parser.add_argument('--licence', help="noted in the file, such as 'Apache-2.0'")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        from mmcd.cli.arguments import parse_cfg_options
        from mmcd.config import load_config
        from mmcd.conversion.publishing import publish
    publish(
        load_config(args.config, parse_cfg_options(args.cfg_options)),
        args.checkpoints,
        args.out,
        threshold=args.threshold,
        facts=dict(licence=args.licence),
    )
    size = Path(args.out).stat().st_size / 1e6
    print(f'Wrote {args.out} ({size:.1f} MB) of {len(args.checkpoints)} checkpoint(s).')


if __name__ == '__main__':
    run_tool(main)
