"""Show or clear the caches of decoded images: pixel_cache.py [--clear]."""

from __future__ import annotations

import argparse
from pathlib import Path

from mmcd.cli.console import run_tool
from mmcd.install.chatter import quiet_imports


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Show the caches of decoded images that data sets with cache='memmap' made."
    )
    parser.add_argument('--clear', action='store_true', help='remove them')
    parser.add_argument('--folder', help="where they lie (default: the user's cache folder)")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    with quiet_imports():
        from mmcd.datasets.pixel_cache import GIB, cache_root, cached_sizes, clear_cache
    root = Path(args.folder).expanduser() if args.folder else cache_root()
    if args.clear:
        print(f'Removed {clear_cache(root) / GIB:.2f} GB from {root}.')
        return
    sizes = cached_sizes(root)
    for name, size in sizes.items():
        print(f'{size / GIB:8.2f} GB  {name}')
    print(f'{sum(sizes.values()) / GIB:8.2f} GB in {root}; --clear removes them.')


if __name__ == '__main__':
    run_tool(main)
