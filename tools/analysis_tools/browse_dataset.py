"""Show what the training pipeline feeds the network: both dates after augmentation, with the label.

    python tools/analysis_tools/browse_dataset.py configs/darnet_levir.py --out levir.png

One PNG; each sample is its before and after image with the outline of what is labelled as changed.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmcd.cli.arguments import parse_cfg_options
from mmcd.cli.console import run_tool
from mmcd.errors import ConfigError
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    import numpy as np
    from mmengine.dataset import BaseDataset


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Show samples as the network gets them.')
    parser.add_argument('config', help='config file, such as configs/darnet_levir.py')
    parser.add_argument('--split', choices=['train', 'val', 'test'], default='train')
    parser.add_argument('--out', type=Path, default=Path('samples.png'), help='PNG to write')
    parser.add_argument('--number', type=int, default=12, help='samples to show')
    parser.add_argument('--columns', type=int, default=3, help='samples side by side')
    parser.add_argument('--seed', type=int, default=0, help='seed of choice and augmentation')
    parser.add_argument(
        '--same', type=int, metavar='I', help='show only the sample of this number, over and over'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', metavar='KEY=VALUE', help='settings of the config'
    )
    return parser.parse_args(argv)


def draw_samples(dataset: BaseDataset, indices: list[int]) -> list[np.ndarray]:
    """Pictures of samples as the pipeline gives them, RGB."""
    from mmcd.engine.shown_pair import images_and_classes
    from mmcd.visualization.change_visualizer import map_of
    from mmcd.visualization.contact_sheet import draw_sample

    image, classes = images_and_classes(dataset)
    pictures = []
    for index in indices:
        sample = dataset[index]
        label = map_of(sample['data_samples'], 'gt_sem_seg')
        pair = sample['inputs'].numpy()
        pictures.append(draw_sample(pair, label, image=image, classes=classes))
    return pictures


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    if min(args.number, args.columns) < 1:
        raise ConfigError(
            f'--number and --columns are 1 or more; got {args.number}, {args.columns}.'
        )
    if not 0 <= args.seed < 2**32:
        raise ConfigError(f'--seed is from 0 to {2**32 - 1}; got {args.seed}.')
    require_stack()
    with quiet_imports():
        import mmseg.datasets  # noqa: F401  the pipelines' transforms
        import numpy as np
        from mmengine.registry import init_default_scope
        from mmengine.runner import set_random_seed

        from mmcd.config import load_config
        from mmcd.io.atomic import check_writable, write_whole
        from mmcd.io.image_encoding import encode_image
        from mmcd.registry import DATASETS
        from mmcd.visualization.contact_sheet import draw_grid

    check_writable(args.out)
    config = load_config(args.config, parse_cfg_options(args.cfg_options))
    loader = config.get(f'{args.split}_dataloader')
    if not loader:
        raise ConfigError(
            f'The config {args.config} has no {args.split}_dataloader: name another --split.'
        )
    init_default_scope(config.get('default_scope', 'mmcd'))
    dataset = DATASETS.build(loader.dataset)
    set_random_seed(args.seed)
    if args.same is None:
        indices = [int(i) for i in np.random.permutation(len(dataset))[: args.number]]
    elif 0 <= args.same < len(dataset):
        indices = [args.same] * args.number
    else:
        raise ConfigError(f'--same is a number from 0 to {len(dataset) - 1}; got {args.same}.')
    grid = draw_grid(draw_samples(dataset, indices), args.columns)
    write_whole(args.out, encode_image(grid, '.png'))
    print(f'{len(indices)} samples of {args.split} are in {args.out}')


if __name__ == '__main__':
    run_tool(main)
