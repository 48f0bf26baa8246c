"""How many training pairs a second the data loader delivers, and where its time goes.

    python benchmarks/data_loading.py configs/darnet_levir.py
    python benchmarks/data_loading.py CONFIG --data-roots data/LEVIR-CD data/LEVIR-CD-256

Each data root is measured without a cache of decoded images and with one that is filled. All are
measured in turns, so that what else the machine does falls on all alike.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmcd.cli.arguments import parse_cfg_options
from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

if TYPE_CHECKING:
    from mmengine.config import Config
    from mmengine.dataset import BaseDataset

CACHES = (None, 'memmap')
WARM_UP = 4  # batches that start the workers and fill their queues
PROFILED = 32  # samples


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Measure the training data loader.')
    parser.add_argument('config')
    parser.add_argument('--data-roots', nargs='+', metavar='FOLDER', help='default: the config')
    parser.add_argument('--workers', type=int, default=2)
    parser.add_argument('--batches', type=int, default=24, help='in each round')
    parser.add_argument('--rounds', type=int, default=3, help='of which the median is given')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE')
    return parser.parse_args()


def pairs_per_second(config: Config, workers: int, batches: int) -> float:
    """Pairs a second over so many batches, after a warm-up."""
    from mmcd.engine.exact_data import build_exact_loader

    settings = config.train_dataloader.copy()
    settings.update(num_workers=workers, persistent_workers=False)
    loader = iter(build_exact_loader(settings, seed=0))
    for _ in range(WARM_UP):
        next(loader)
    start = time.perf_counter()
    for _ in range(batches):
        next(loader)
    return batches * settings.batch_size / (time.perf_counter() - start)


def profile(dataset: BaseDataset) -> Iterator[tuple[str, float]]:
    """Median milliseconds of each transform."""
    spent = defaultdict(list)
    for number in range(PROFILED):
        results = dataset.get_data_info(number % len(dataset))
        for transform in dataset.pipeline.transforms:
            start = time.perf_counter()
            results = transform(results)
            spent[type(transform).__name__].append(time.perf_counter() - start)
    for name, seconds in spent.items():
        yield name, 1000 * statistics.median(seconds)


def main() -> None:
    args = parse_args()
    require_stack()
    with quiet_imports():
        import cv2
        import mmseg.datasets  # noqa: F401  the pipelines' transforms
        import torch
        from mmengine.registry import init_default_scope

        from mmcd.config import load_config
        from mmcd.registry import DATASETS
    init_default_scope('mmcd')
    cv2.setNumThreads(0)  # as in a loader's worker
    torch.set_num_threads(1)
    options = parse_cfg_options(args.cfg_options)
    roots = args.data_roots or [load_config(args.config, options).data_root]
    configs = {
        (root, cache): load_config(
            args.config,
            {**options, 'data_root': root, 'train_dataloader.dataset.cache': cache},
        )
        for root in roots
        for cache in CACHES
    }
    for config in configs.values():  # fills the caches
        for _ in DATASETS.build(config.train_dataloader.dataset):
            pass
    speeds: dict[tuple, list[float]] = {case: [] for case in configs}
    for _ in range(args.rounds):
        for case, config in configs.items():
            speeds[case].append(pairs_per_second(config, args.workers, args.batches))
    for (root, cache), config in configs.items():
        speed = statistics.median(speeds[root, cache])
        print(f'{root}, cache={cache!r}: {speed:.1f} pairs/s with {args.workers} workers')
        spent = list(profile(DATASETS.build(config.train_dataloader.dataset)))
        parts = ', '.join(f'{name} {milliseconds:.1f}' for name, milliseconds in spent)
        print(f'  {sum(ms for _, ms in spent):.1f} ms a pair: {parts}')


if __name__ == '__main__':
    run_tool(main)
