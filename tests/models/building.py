"""Building models from the project's configs, and samples for them."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.config import load_config
from mmcd.registry import MODELS

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def build_model(config: str, **options) -> torch.nn.Module:
    """The model of a config, as constructed (not yet initialised by ``init_cfg``)."""
    # For fixtures of whole modules, which are made before conftest.py's.
    init_default_scope('mmcd')
    return MODELS.build(load_config(CONFIGS / config, options).model)


def samples_from_labels(labels: torch.Tensor) -> list[SegDataSample]:
    """One sample a label, from (N, H, W)."""
    samples = []
    for label in labels:
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=label[None].long())
        samples.append(sample)
    return samples


def random_batch(
    num: int, height: int, width: int, seed: int = 0
) -> tuple[torch.Tensor, list[SegDataSample]]:
    """A stacked RGB pair in 0..255, (N, 6, H, W), and random labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = 255 * torch.rand(num, 6, height, width, generator=generator)
    labels = torch.randint(0, 2, (num, height, width), generator=generator)
    return inputs, samples_from_labels(labels)
