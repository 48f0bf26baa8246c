"""Count the parameters and the floating-point operations of a config's model for one pair.

    python tools/analysis_tools/get_flops.py configs/darnet_levir.py --shape 256 256

MMSegmentation's own get_flops.py draws one image of three channels, where a pair has both dates'.
As there, and in most papers, a multiplication and the addition after it are one operation.
"""

from __future__ import annotations

import argparse

from mmcd.cli.arguments import parse_cfg_options
from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Count parameters and operations of a model.')
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument(
        '--shape',
        type=int,
        nargs='+',
        default=[256, 256],
        metavar='PIXELS',
        help='height and width of the images, or one number for both (default: 256)',
    )
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='settings of the config'
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if len(args.shape) > 2 or min(args.shape) < 1:
        raise ConfigError(f'--shape takes one or two numbers of 1 or more; got {args.shape}.')
    require_stack()
    with quiet_imports():
        from mmengine.registry import init_default_scope

        from mmcd.config import load_config
        from mmcd.models.operations import count_multiply_adds, count_parameters
        from mmcd.registry import MODELS

    config = load_config(args.config, parse_cfg_options(args.cfg_options))
    init_default_scope(config.get('default_scope', 'mmcd'))
    model = MODELS.build(config.model)
    height, width = args.shape[0], args.shape[-1]
    multiply_adds = count_multiply_adds(model, height, width)
    parameters = count_parameters(model)
    print(f'Input shape: one pair of {height}x{width}')
    print(f'Flops: {multiply_adds / 1e9:.3f} G (multiply-adds)')
    print(f'Params: {parameters / 1e6:.3f} M')


if __name__ == '__main__':
    run_tool(main)
