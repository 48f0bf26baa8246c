"""How much of a command's time the network works.

    python benchmarks/network_share.py
    python benchmarks/network_share.py CONFIG CHECKPOINT --pairs 20 --size 512

Made-up pairs go from file to mask through ``predict_pair``, ``tools/test.py`` and
``infer_scene.py``. The share is the time within the network, its normalisation included, over that
of the whole call; of the test, over its loop.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import cv2
import numpy as np
import rasterio
from mmengine.runner import TestLoop
from rasterio.transform import from_origin

from mmcd.apis import init_model, predict_pair, predict_scene
from mmcd.cli.commands import test
from mmcd.inference.allocator import keep_freed_memory
from mmcd.inference.network_predictor import NetworkPredictor
from mmcd.synthetic.folder import SampleSettings, prepare_folder, write_pairs

spent = dict(network=0.0, call=0.0)  # seconds


def main() -> None:
    args = parse_args()
    keep_freed_memory()
    NetworkPredictor.predict_logits = timed('network', NetworkPredictor.predict_logits)
    TestLoop.run = timed('call', TestLoop.run)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        before, after = make_pairs(folder / 'pairs', args.pairs, args.size)
        scenes = [make_scene(folder, images, args.scene) for images in (before, after)]
        model = init_model(args.config, args.checkpoint)
        predict_pair(model, before[0], after[0])  # the first call restructures the network
        spent.update(network=0.0, call=0.0)
        for dates in zip(before, after, strict=True):
            timed('call', predict_pair)(model, *dates)
        report('predict_pair')
        options = ['--work-dir', name, '--cfg-options', f'data_root={folder / "pairs"}']
        test.main([args.config, args.checkpoint, *options])
        report('tools/test.py')
        timed('call', predict_scene)(model, *scenes, folder / 'o.tif', vectors=folder / 'o.gpkg')
        report('infer_scene.py')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('config', nargs='?', default='configs/darnet_sample.py')
    parser.add_argument('checkpoint', nargs='?', default='mmcd/weights/buildings.safetensors')
    parser.add_argument('--pairs', type=int, default=60, help='of the test (default: 60)')
    parser.add_argument('--size', type=int, default=256, help='of a pair, in pixels (default: 256)')
    parser.add_argument('--scene', type=int, default=4096, help='side of the scene (default: 4096)')
    return parser.parse_args()


def timed(name: str, function: Callable) -> Callable:
    """The function, which adds its seconds to those of ``name``."""

    @wraps(function)
    def call(*args, **kwargs):
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            spent[name] += time.perf_counter() - start

    return call


def report(what: str) -> None:
    share = spent['network'] / spent['call']
    print(f'{what}: {spent["call"]:.1f} s, {share:.1%} of it in the network', flush=True)
    spent.update(network=0.0, call=0.0)


def make_pairs(folder: Path, number: int, size: int) -> tuple[list[Path], list[Path]]:
    """The files of both dates of a test split."""
    settings = SampleSettings(dict(train=1, val=1, test=number), size=size)
    prepare_folder(folder, settings)
    for _ in write_pairs(folder, settings, workers=2):
        pass
    before, after = (sorted((folder / 'test' / date).iterdir()) for date in 'AB')
    return before, after


def make_scene(folder: Path, images: list[Path], size: int) -> Path:
    """A GeoTIFF of the images, one beside the other, over and over."""
    pixels = [cv2.imread(str(path))[..., ::-1].transpose(2, 0, 1) for path in images]
    side = pixels[0].shape[1]
    number = -(-size // side)
    rows = [
        np.concatenate([pixels[(r * 7 + c) % len(pixels)] for c in range(number)], axis=2)
        for r in range(number)
    ]
    mosaic = np.concatenate(rows, axis=1)[:, :size, :size]
    path = folder / f'{images[0].parent.name}.tif'
    profile = dict(driver='GTiff', dtype='uint8', count=3, height=size, width=size)
    profile.update(crs='EPSG:32633', transform=from_origin(4e5, 5.6e6, 0.5, 0.5))
    with rasterio.open(path, 'w', **profile, tiled=True, compress='deflate') as file:
        file.write(mosaic)
    return path


if __name__ == '__main__':
    main()
