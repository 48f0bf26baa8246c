"""Runs of a few iterations: the sample config, slim, on tiny pairs."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner

from mmcd.config import load_config

CONFIG = Path(__file__).resolve().parents[2] / 'configs' / 'darnet_sample.py'


def tiny_config(root: Path, work_dir: Path, *, iterations: int = 3, **options) -> Config:
    """The config of a run; ``options`` are dotted keys with ``__`` for the dots."""
    settings = {
        'data_root': str(root),
        'work_dir': str(work_dir),
        'train_cfg.max_iters': iterations,
        'train_cfg.val_interval': iterations,
        'default_hooks.checkpoint.interval': 1,
        'train_dataloader.batch_size': 2,
        'model.backbone.base_channels': 2,
        'model.decode_head.in_channels': [4, 8, 16, 32, 64],
        'model.decode_head.channels': 4,
        'log_level': 'WARNING',
        'env_cfg.cudnn_benchmark': False,
    }
    for split in ('train', 'val', 'test'):
        settings[f'{split}_dataloader.num_workers'] = 0
        settings[f'{split}_dataloader.persistent_workers'] = False
    settings |= {key.replace('__', '.'): value for key, value in options.items()}
    return load_config(CONFIG, settings)


def run_training(cfg: Config) -> Runner:
    """Train, and give the runner that did it."""
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def read_log(work_dir: Path) -> str:
    """What the runs in a work dir have logged."""
    return '\n'.join(path.read_text() for path in sorted(work_dir.glob('*/*.log')))
