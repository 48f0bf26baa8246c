import subprocess
import sys
from pathlib import Path

import numpy as np

from mmcd.datasets.pixel_cache import PixelCache

NAME = 'LEVIRCDDataset-0123456789ab'
ROOT = Path(__file__).resolve().parents[3]


def run(*options):
    tool = ROOT / 'tools' / 'dataset_converters' / 'pixel_cache.py'
    return subprocess.run(
        [sys.executable, str(tool), *map(str, options)], capture_output=True, text=True, check=True
    ).stdout


def test_shows_and_clears(tmp_path):
    source = tmp_path / 'a.png'
    source.write_bytes(b'')
    root = tmp_path / 'root'
    PixelCache(root / NAME).get([str(source)], '', lambda: np.zeros((9, 9, 6)))
    assert NAME in run('--folder', root)
    assert 'Removed 0.00 GB' in run('--folder', root, '--clear')
    assert NAME not in run('--folder', root)
