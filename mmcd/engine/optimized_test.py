"""Testing with the optimised form of a model."""

from __future__ import annotations

from typing import cast

from mmengine.runner import Runner
from torch import nn

from mmcd.errors import ConfigError
from mmcd.inference.cache import can_be_optimized, optimized


def innermost(model: nn.Module) -> nn.Module:
    """The model within the wrappers of distributed and of augmented testing."""
    while hasattr(model, 'module'):
        model = cast(nn.Module, model.module)
    return model


def use_optimized(runner: Runner, *, precision: str | None, compile: bool = False) -> None:
    """Put the optimised form of a runner's model in its place, within its wrappers.

    A model of a kind that :func:`mmcd.inference.optimize_for_inference` does not take is tested as
    it is.

    Args:
        runner: its model has its weights, and is only tested from here on.
        precision: see :func:`mmcd.apis.predict_pair`.
        compile: see :func:`mmcd.apis.predict_pair`.

    Raises:
        ConfigError: the device does not work in this precision, or the model can't be optimised
            and another precision than float32 was asked for.
    """
    model = innermost(runner.model)
    if not can_be_optimized(model):
        if compile or precision not in (None, 'float32'):
            raise ConfigError(
                f'A {type(model).__name__} is tested as it is, in float32: leave --amp, '
                '--precision and --compile out.'
            )
        return
    fast = optimized(model, precision=precision, compile=compile)
    if model is runner.model:
        runner.model = fast
        return
    wrapper = runner.model
    while wrapper.module is not model:
        wrapper = wrapper.module
    wrapper.module = fast
