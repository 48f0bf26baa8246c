"""Slim models with weights and statistics as training leaves them: nothing 0, nothing 1."""

from __future__ import annotations

import torch
from torch import nn

from mmcd.models.layers.pair_ops import crop_to, pad_to_multiple
from mmcd.models.model_description import size_divisor_of
from tests.models.building import build_model

NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LayerNorm)


def random_model(config: str, seed: int = 0, **options) -> nn.Module:
    """The model of a config in eval mode, its weights drawn at random."""
    generator = torch.Generator().manual_seed(seed)
    model = build_model(config, **options).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            spread = 1 / max(weight[0].numel() if weight.ndim > 1 else 4, 1) ** 0.5
            weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
            if name.endswith('gamma'):
                weight.fill_(0.7)
        for module in model.modules():
            if isinstance(module, NORMS):
                module.weight.copy_(0.5 + torch.rand(module.weight.shape, generator=generator))
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.copy_(torch.randn(module.num_features, generator=generator) / 4)
                module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=generator))
    return model


def random_pairs(num: int, height: int, width: int, seed: int = 0) -> torch.Tensor:
    """Stacked RGB pairs (N, 6, H, W), as a data preprocessor that normalises gives them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num, 6, height, width, generator=generator)


def trained_logits(model: nn.Module, pairs: torch.Tensor) -> torch.Tensor:
    """The prediction's logits by the model as it was trained."""
    with torch.no_grad():
        logits = model(pairs, mode='tensor')
    return logits[-1] if isinstance(logits, tuple) else logits


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, relative to the largest absolute value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def network_logits(network: nn.Module, model: nn.Module, pairs: torch.Tensor) -> torch.Tensor:
    """A network's logits of pairs of any size, padded and cropped as its predictor does."""
    padded = pad_to_multiple(pairs, size_divisor_of(model))
    return crop_to(network(padded).float(), pairs.shape[2:])
