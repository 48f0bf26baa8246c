"""The ways to run inference, and how far their answers lie from the plain network's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed_cases import Case, Variant
from benchmarks.speed_models import Dates, plain_network, preprocessed, random_tiles
from mmcd.errors import ConfigError
from mmcd.inference import make_predictor
from mmcd.inference.exported import ExportedPredictor
from mmcd.inference.network_predictor import NetworkPredictor


@dataclass(frozen=True)
class Prepared:
    """A variant, ready to run again and again on the same batch.

    Args:
        run: one run; gives logits, several levels' logits of which the last counts, or (as an
            array) probabilities.
        uncompiled: a run whose operations can be counted in its place; None where there is none.
        note: what to know of it.
    """

    run: Callable[[], Any]
    uncompiled: Callable[[], Any] | None
    note: str = ''


def prepare(
    variant: Variant, model: nn.Module, case: Case, device: torch.device, onnx: str | None = None
) -> Prepared:
    """Make a variant of a model in eval mode. It does not keep the model if it needs it no more."""
    tiles = random_tiles(case)
    if variant.is_exported:
        return _exported(variant, tiles, device, onnx)
    inputs = preprocessed(model, tiles)
    if variant.name == 'plain':
        return _plain(plain_network(model), Dates.of(inputs))
    if variant.name == 'as trained':
        return _called(model, inputs)
    if variant.name == 'autocast':
        return _autocast(model, inputs, variant.precision)
    tiles = tiles.to(device)
    fast = cast(NetworkPredictor, make_predictor(model, precision=variant.precision))
    name = type(fast.network).__name__
    if variant.name == 'optimised':
        return _predicted(fast, tiles, fast, name)
    compiled = make_predictor(model, precision=variant.precision, compile=True)
    note = f'{name}; operations counted without compiling'
    return _predicted(cast(NetworkPredictor, compiled), tiles, fast, note)


def _predicted(
    predictor: NetworkPredictor, tiles: Tensor, counted: NetworkPredictor, note: str
) -> Prepared:
    """Preprocessing is within."""
    return Prepared(
        lambda: predictor.predict_logits(tiles), lambda: counted.predict_logits(tiles), note
    )


def _plain(plain: nn.Module, dates: Dates) -> Prepared:
    @torch.inference_mode()
    def run() -> Tensor:
        return plain(dates.before, dates.after)

    return Prepared(run, run)


def _called(model: nn.Module, inputs: Tensor, note: str = '') -> Prepared:
    @torch.inference_mode()
    def run() -> Any:
        return model(inputs, mode='tensor')

    return Prepared(run, run, note)


def _autocast(model: nn.Module, inputs: Tensor, precision: str) -> Prepared:
    eager = _called(model, inputs).run

    def run() -> Any:
        with torch.autocast(inputs.device.type, dtype=getattr(torch, precision)):
            return eager()

    return Prepared(run, run)


def _exported(variant: Variant, tiles: Tensor, device: torch.device, onnx: str | None) -> Prepared:
    if onnx is None or not Path(onnx).is_file():
        raise ConfigError('There is no exported network.')
    runtime = variant.name.lower().replace(' ', '')
    exported = ExportedPredictor(
        onnx,
        runtime=runtime,
        precision=variant.precision,
        threads=torch.get_num_threads(),
        device=device.type,
    )
    array = tiles.numpy()
    return Prepared(
        lambda: exported.predict(array)[:, 1], None, 'preprocessing and probability are within'
    )


@dataclass(frozen=True)
class Answer:
    """What a variant says of a batch.

    Args:
        values: logits (N, classes, H, W), or probabilities (N, H, W).
        is_probability: which of the two.
    """

    values: Tensor
    is_probability: bool

    @classmethod
    def of(cls, output: Any) -> Answer:
        if isinstance(output, np.ndarray):
            return cls(torch.from_numpy(output).float(), True)
        logits = output if isinstance(output, Tensor) else output[-1]
        return cls(logits.detach().float().cpu(), False)

    def as_probability(self) -> Answer:
        if self.is_probability:
            return self
        if self.values.shape[1] > 1:
            return Answer(self.values.softmax(dim=1)[:, 1], True)
        return Answer(self.values.sigmoid()[:, 0], True)

    @property
    def score(self) -> Tensor:
        """Grows with the probability of change, (N, H, W)."""
        if self.is_probability:
            return self.values
        if self.values.shape[1] > 1:
            return self.values[:, 1] - self.values[:, 0]
        return self.values[:, 0]


def compare(answer: Answer, plain: Answer) -> dict[str, Any]:
    """How far an answer lies from the plain network's.

    Masks take the median of the plain network's scores for their threshold: random weights would
    else call nearly all pixels changed, or none, and any two masks would agree.
    """
    if answer.is_probability:
        plain = plain.as_probability()
    threshold = plain.score.median()
    agree = (answer.score > threshold) == (plain.score > threshold)
    deviation = (answer.values - plain.values).abs().max() / plain.values.abs().max()
    return dict(
        deviation=deviation.item(),
        deviation_of='probability' if answer.is_probability else 'logits',
        mask_agreement=agree.double().mean().item(),
    )
