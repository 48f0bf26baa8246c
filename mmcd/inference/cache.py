"""Optimised models that are kept beside the trained ones they were made from."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from mmseg.models.segmentors import EncoderDecoder
from torch import nn

from mmcd.errors import ConfigError
from mmcd.inference.optimize import optimize_for_inference
from mmcd.inference.segmentor import OptimizedSegmentor

_kept: WeakKeyDictionary[nn.Module, dict[tuple, tuple[Any, OptimizedSegmentor]]]
_kept = WeakKeyDictionary()


def optimized(
    model: nn.Module, *, precision: str | None = None, compile: bool = False
) -> OptimizedSegmentor:
    """The optimised form of a model, made at the first call and where the weights have changed.

    Args:
        model: a trained model, or one from :func:`optimize_for_inference`, which is its own.
        precision: see :func:`optimize_for_inference`; None: 'float32', or the optimised model's.
        compile: see :func:`optimize_for_inference`.

    Raises:
        ConfigError: see :func:`optimize_for_inference`; or an optimised model was made for another
            precision.
    """
    if isinstance(model, OptimizedSegmentor):
        if precision not in (None, model.precision):
            raise ConfigError(
                f'The model was optimised for {model.precision}, but {precision} was asked for. '
                'Pass the trained model, or optimise it for that precision.'
            )
        return model
    key = precision or 'float32', compile
    state = _state(model)
    by_settings = _kept.setdefault(model, {})
    if key not in by_settings or by_settings[key][0] != state:
        made = optimize_for_inference(model, precision=key[0], compile=compile)
        by_settings[key] = state, made
    return by_settings[key][1]


def _state(model: nn.Module) -> Any:
    """What changes when weights are loaded, trained or moved, or settings are replaced."""
    tensors = [*model.parameters(), *model.buffers()]
    versions = [0 if t.is_inference() else t._version for t in tensors]
    settings = [id(getattr(model, name, None)) for name in ('test_cfg', 'data_preprocessor', 'cfg')]
    return [t.data_ptr() for t in tensors], versions, settings


def can_be_optimized(model: nn.Module) -> bool:
    """Whether :func:`optimize_for_inference` takes the model."""
    return isinstance(model, EncoderDecoder)
