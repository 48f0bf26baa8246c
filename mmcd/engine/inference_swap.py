"""Testing a runner's model through its predictor."""

from __future__ import annotations

from typing import cast

from mmengine.runner import Runner
from torch import nn

from mmcd.errors import ConfigError
from mmcd.inference import ChangePredictor, make_predictor
from mmcd.inference.network_predictor import can_be_predicted
from mmcd.inference.segmentor import PredictorSegmentor


def innermost(model: nn.Module) -> nn.Module:
    """The model within the wrappers of distributed and of augmented testing."""
    while hasattr(model, 'module'):
        model = cast(nn.Module, model.module)
    return model


def use_predictor(
    runner: Runner,
    predictor: ChangePredictor | None = None,
    *,
    precision: str | None = None,
    compile: bool = False,
    optimize: bool = True,
    tta: bool | str = False,
    exchange: bool = False,
) -> None:
    """Put a predictor in the place of a runner's model, within its wrappers.

    A model of a kind that :func:`mmcd.inference.make_predictor` does not take is tested as it is.

    Args:
        runner: it only tests from here on; its model has its weights where ``predictor`` is None.
        predictor: an exported model; None: that of the runner's model.
        precision: see :func:`mmcd.inference.make_predictor`.
        compile: see :func:`mmcd.inference.make_predictor`.
        optimize: see :func:`mmcd.inference.make_predictor`.
        tta: see :func:`mmcd.inference.make_predictor`.
        exchange: predict each pair in both orders of its dates, see
            :class:`mmcd.inference.segmentor.PredictorSegmentor`.

    Raises:
        ConfigError: the device does not work in this precision, or there is no predictor of such a
            model and other settings than the defaults were asked for.
    """
    model = innermost(runner.model)
    if predictor is None and not can_be_predicted(model):
        if compile or tta or exchange or precision not in (None, 'float32'):
            raise ConfigError(
                f'A {type(model).__name__} is tested as it is, in float32: leave --amp, '
                '--precision, --compile, --tta and --exchange-gap out.'
            )
        return
    if predictor is None:
        model.dataset_meta = runner.test_loop.dataloader.dataset.metainfo
    predictor = make_predictor(
        predictor or model, precision=precision, compile=compile, optimize=optimize, tta=tta
    )
    test_cfg = runner.cfg.model.get('module', runner.cfg.model).get('test_cfg')
    swapped = PredictorSegmentor(predictor, test_cfg, exchange=exchange)
    if model is runner.model:
        runner.model = swapped
        return
    wrapper = runner.model
    while wrapper.module is not model:
        wrapper = wrapper.module
    wrapper.module = swapped
