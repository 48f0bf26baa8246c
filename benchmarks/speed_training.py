"""The ways to run a training step: forward, losses, backward and AdamW."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from benchmarks.speed_cases import Case, Variant
from benchmarks.speed_inference import Prepared
from benchmarks.speed_models import (
    Dates,
    plain_network,
    preprocessed,
    random_labels,
    random_tiles,
)
from mmcd.engine.bfloat16 import BFloat16OptimWrapper


def _checkpoint_activations(model: nn.Module) -> None:
    model.backbone.with_cp = model.decode_head.decoder.with_cp = True


# What a variant changes in a copy of the model before it is trained, by the variant's name.
CHANGES: dict[str, Callable[[nn.Module], object]] = {
    'activation checkpointing': _checkpoint_activations
}


def prepare(variant: Variant, model: nn.Module, case: Case, device: torch.device) -> Prepared:
    """Make a variant of a model; each trains weights of its own."""
    inputs = preprocessed(model, random_tiles(case))
    samples = [sample.to(device) for sample in random_labels(case)]
    if variant.name == 'plain':
        trained = plain_network(model, training=True)
        losses = _plain_losses(trained, model.decode_head, Dates.of(inputs), samples)
    else:
        trained = copy.deepcopy(model).train()
        CHANGES.get(variant.name, lambda _: None)(trained)
        losses = _losses(trained, inputs, samples)
    settings = dict(model.cfg.optim_wrapper.optimizer)
    settings.pop('type')
    optimizer = torch.optim.AdamW(trained.parameters(), **settings)
    run = _step(trained, losses, _wrap(optimizer, variant.precision))
    return Prepared(run, run)


def _losses(
    model: nn.Module, inputs: Tensor, samples: list[Any]
) -> Callable[[], dict[str, Tensor]]:
    return lambda: model(inputs, samples, mode='loss')


def _plain_losses(
    plain: nn.Module, head: nn.Module, dates: Dates, samples: list[Any]
) -> Callable[[], dict[str, Tensor]]:
    """Of the head that the fast network has; its weights are not used."""

    def losses() -> dict[str, Tensor]:
        return head.loss_by_feat(plain(dates.before, dates.after), samples)

    return losses


def _wrap(optimizer: torch.optim.Optimizer, precision: str) -> OptimWrapper:
    """As `tools/train.py --amp` does."""
    if precision == 'float16':
        return AmpOptimWrapper(optimizer=optimizer, loss_scale='dynamic')
    if precision == 'bfloat16':
        return BFloat16OptimWrapper(optimizer=optimizer)
    return OptimWrapper(optimizer=optimizer)


def _step(
    trained: nn.Module, losses: Callable[[], dict[str, Tensor]], wrapper: OptimWrapper
) -> Callable[[], Tensor]:
    """One step; gives the loss before it."""

    def run() -> Tensor:
        with wrapper.optim_context(trained):
            found = losses()
        total = sum(value for name, value in found.items() if 'loss' in name)
        wrapper.update_params(total)
        return total.detach()

    return run


def compare(loss: Tensor, plain: Tensor) -> dict[str, Any]:
    """How far a first step's loss lies from the plain network's."""
    deviation = (loss.float() - plain.float()).abs() / plain.float().abs()
    return dict(deviation=deviation.item(), deviation_of='loss', mask_agreement=None)
