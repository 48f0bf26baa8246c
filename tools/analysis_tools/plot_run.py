"""Draw a training's losses and metrics: python tools/analysis_tools/plot_run.py WORK_DIR."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Draw the losses and the metrics of a training run as PNG and SVG, also while '
        'it runs. What was stopped and resumed is one curve.'
    )
    parser.add_argument('work_dir', metavar='WORK_DIR', help='work dir of tools/train.py')
    parser.add_argument(
        '--out',
        metavar='NAME',
        help='the pictures are NAME.png and NAME.svg (default: WORK_DIR/curves)',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        from mmcd.visualization.run_curves import draw_curves, read_curves
    curves = read_curves(args.work_dir)
    figure = draw_curves(curves, title=Path(args.work_dir).resolve().name)
    out = Path(args.out or Path(args.work_dir) / 'curves')
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for suffix in ('.png', '.svg'):
            figure.savefig(f'{out}{suffix}', dpi=150)
    except OSError as error:
        raise ConfigError(f'Cannot write {out}.png and {out}.svg: {error}.') from error
    print(f'{out}.png, {out}.svg')


if __name__ == '__main__':
    run_tool(main)
