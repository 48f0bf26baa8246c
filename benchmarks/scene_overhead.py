"""What whole scenes cost beside the network.

    python benchmarks/scene_overhead.py --sizes 5000 10000 20000

Maps made-up GeoTIFF pairs with networks that cost next to nothing, each in a process of its own,
and prints seconds and memory; then runs MMSegmentation's sliding window with the same slice on
small images and extrapolates.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

TILE, OVERLAP, BATCH = 512, 128, 4
NETWORKS = ('slice', 'convolution')
SLIDE_SIZES = (1024, 1536, 2048, 3072)
COLUMNS = (
    'network',
    'size',
    'seconds',
    'of it predicting',
    'writing',
    'processor seconds',
    'MB above the start',
    'MB in all',
)


def main() -> None:
    args = parse_args()
    if args.one:
        size = args.sizes[0]
        found = (
            measure_slide(size)
            if args.one == 'slide'
            else measure_scene(args.one, size, args.folder)
        )
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        print(f'| {" | ".join(COLUMNS)} |\n|{"---|" * len(COLUMNS)}')
        for size in args.sizes:
            make_pair(Path(folder), size)
            for network in NETWORKS:
                print_scene(run_apart(network, size, folder))
        print_sliding_window(args.sizes, folder)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--sizes', nargs='+', type=int, default=[5_000, 10_000])
    parser.add_argument('--folder', help='where the made-up rasters go (default: a temporary one)')
    parser.add_argument('--one', choices=[*NETWORKS, 'slide'], help=argparse.SUPPRESS)
    return parser.parse_args()


def run_apart(network: str, size: int, folder: str) -> dict:
    """Measure in a new process, whose largest memory is then the scene's."""
    command = [sys.executable, __file__, '--one', network, '--sizes', str(size), '--folder', folder]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def measure_scene(network: str, size: int, folder: str) -> dict:
    """Map the pair in ``folder``."""
    from mmcd.inference import FunctionPredictor
    from mmcd.scene.scene import map_scene
    from mmcd.scene.scene_outputs import SceneOutputs
    from mmcd.scene.settings import SceneSettings

    predict = slice_of if network == 'slice' else make_convolution()
    predict(np.zeros((BATCH, 6, TILE, TILE), np.uint8))  # what a network keeps is not the scene's
    start = largest_mb()
    clock, cpu = time.perf_counter(), time.process_time()
    paths = [str(Path(folder) / f'{date}.tif') for date in ('before', 'after')]
    outputs = SceneOutputs(Path(folder) / 'map.tif', Path(folder) / 'probability.tif')
    settings = SceneSettings(tile_size=TILE, overlap=OVERLAP, batch_size=BATCH)
    report = map_scene(FunctionPredictor(predict), *paths, outputs, settings).report
    seconds = time.perf_counter() - clock
    return dict(
        network=network,
        size=size,
        seconds=seconds,
        cpu=time.process_time() - cpu,
        predict=report['seconds']['predict'],
        write=report['seconds']['write'],
        above=largest_mb() - start,
        largest=largest_mb(),
    )


def slice_of(tiles: np.ndarray) -> np.ndarray:
    """A network that costs nothing."""
    return tiles[:, 0].astype(np.float32) / np.float32(255)


def make_convolution() -> Callable[[np.ndarray], np.ndarray]:
    """A network of one convolution over both dates."""
    import torch

    torch.manual_seed(0)
    layer = torch.nn.Conv2d(6, 1, 3, padding=1)

    @torch.inference_mode()
    def convolve(tiles: np.ndarray) -> np.ndarray:
        logits = layer(torch.from_numpy(tiles).float() / 255)
        return logits.sigmoid()[:, 0].numpy()

    return convolve


def largest_mb() -> float:
    """The process's largest resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def make_pair(folder: Path, size: int) -> None:
    """Two tiled GeoTIFFs with 6 bits of noise, which compress about as well as photographs."""
    import rasterio
    from rasterio.transform import from_origin

    rng = np.random.default_rng(size)
    rows = rng.integers(0, 64, (3, 1024, size + 1024), np.uint8)
    profile = dict(
        driver='GTiff', dtype='uint8', count=3, height=size, width=size, crs='EPSG:32633'
    )
    profile.update(transform=from_origin(4e5, 5.6e6, 0.5, 0.5))
    profile.update(tiled=True, compress='deflate', zlevel=1, num_threads='ALL_CPUS')
    for number, date in enumerate(('before', 'after')):
        with rasterio.open(folder / f'{date}.tif', 'w', **profile) as file:
            for row in range(0, size, 1024):
                height = min(1024, size - row)
                left = (row * 7 + number * 331) % 1024
                block = np.ascontiguousarray(rows[:, :height, left : left + size])
                file.write(block, window=((row, row + height), (0, size)))


def print_scene(found: dict) -> None:
    values = (
        found['network'],
        f'{found["size"]:,}²',
        *(f'{found[key]:.1f}' for key in ('seconds', 'predict', 'write', 'cpu')),
        *(f'{found[key]:,.0f}' for key in ('above', 'largest')),
    )
    print(f'| {" | ".join(values)} |', flush=True)


def print_sliding_window(sizes: list[int], folder: str) -> None:
    """MMSegmentation's, measured on small images: each window is padded to the whole image."""
    found = [run_apart('slide', size, folder) for size in SLIDE_SIZES]
    print("\nMMSegmentation's slide_inference with the same windows and a slice as network:")
    for one in found:
        print(
            f'  {one["size"]:,}²: {one["seconds"]:.2f} s in {one["windows"]} windows, '
            f'{one["above"]:.0f} MB with the input'
        )
    # Each window takes time, and the whole takes memory, in proportion to the image.
    cost = np.median([one['seconds'] / (one['windows'] * one['size'] ** 2) for one in found])
    memory = np.median([one['above'] / one['size'] ** 2 for one in found[1:]])
    for size in sizes:
        windows = (-(-max(size - TILE, 0) // (TILE - OVERLAP)) + 1) ** 2
        print(
            f'  {size:,}², extrapolated: {cost * windows * size**2:,.0f} s, '
            f'{memory * size**2 / 1000:.1f} GB'
        )


def measure_slide(size: int) -> dict:
    """The sliding window on one image."""
    from types import SimpleNamespace

    import torch
    from mmseg.models.segmentors import EncoderDecoder

    windows = []

    def encode_decode(crop: torch.Tensor, metas: list[dict]) -> torch.Tensor:
        windows.append(1)
        return crop[:, :2]

    step = TILE - OVERLAP
    stand_in = SimpleNamespace(
        test_cfg=SimpleNamespace(stride=(step, step), crop_size=(TILE, TILE)),
        out_channels=2,
        encode_decode=encode_decode,
    )
    start = largest_mb()
    image = torch.ones(1, 6, size, size)
    clock = time.perf_counter()
    EncoderDecoder.slide_inference(stand_in, image, [{}])
    seconds = time.perf_counter() - clock
    return dict(size=size, seconds=seconds, windows=len(windows), above=largest_mb() - start)


if __name__ == '__main__':
    main()
