from __future__ import annotations

import runpy
from pathlib import Path

from mmcd.config import load_config
from mmcd.registry import DATASETS

ROOT = Path(__file__).parents[2]
benchmark = runpy.run_path(str(ROOT / 'benchmarks' / 'data_loading.py'))


def test_speed_and_profile(tiny_levir):
    config = load_config(ROOT / 'configs' / 'darnet_levir.py', {'data_root': str(tiny_levir)})
    assert benchmark['pairs_per_second'](config, workers=0, batches=1) > 0
    profile = dict(benchmark['profile'](DATASETS.build(config.train_dataloader.dataset)))
    assert list(profile)[:3] == ['LoadImagePair', 'LoadChangeLabel', 'StackPair']
    assert min(profile.values()) > 0
