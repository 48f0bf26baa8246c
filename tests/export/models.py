"""Models to export: a tiny one that takes seconds, and the project's with random weights."""

from __future__ import annotations

import torch
from mmengine.config import ConfigDict
from mmengine.registry import init_default_scope
from torch import nn

from mmcd.registry import MODELS
from mmcd.structures.image_spec import RGB
from tests.models.building import build_model


def tiny_model(*, bands: int = 3, classes: int = 2, **image: object) -> nn.Module:
    """Two levels of DARNet's encoder and MMSegmentation's plainest head, for any size."""
    # For fixtures of whole modules, which are made before conftest.py's.
    init_default_scope('mmcd')
    torch.manual_seed(0)
    names = RGB if bands == 3 else [f'band_{number}' for number in range(bands)]
    image = dict(bands=names, **image)
    model = MODELS.build(
        dict(
            type='SiameseEncoderDecoder',
            image=image,
            data_preprocessor=dict(
                type='PairDataPreprocessor',
                # All different: each mistake in the order of the bands shows.
                mean=[50.0 + 20 * band for band in range(bands)],
                std=[30.0 + 10 * band for band in range(bands)],
            ),
            backbone=dict(type='UNetEncoder', in_channels=bands, base_channels=2, num_levels=2),
            decode_head=dict(
                type='mmseg.FCNHead',
                in_channels=4,
                in_index=0,
                channels=4,
                num_convs=1,
                num_classes=max(classes, 2),
                out_channels=classes,
                threshold=0.5 if classes == 1 else None,
                loss_decode=dict(type='mmseg.CrossEntropyLoss', avg_non_ignore=True),
            ),
            test_cfg=ConfigDict(mode='whole'),
        )
    )
    return with_random_statistics(model)


def slim_model(config: str) -> nn.Module:
    """The network of one of the project's slim configs, as if it were trained."""
    torch.manual_seed(0)
    return with_random_statistics(build_model(config))


def with_random_statistics(model: nn.Module) -> nn.Module:
    """Nothing left at what a fresh network has, where a fault may not show."""
    for name, parameter in model.named_parameters():
        if name.endswith('gamma'):
            nn.init.constant_(parameter, 0.5)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    return model.eval()
