"""Mapping small scenes with stand-ins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from mmcd.inference import ChangePredictor, FunctionPredictor
from mmcd.scene.scene import map_scene
from mmcd.scene.scene_outputs import SceneOutputs
from mmcd.scene.scene_result import SceneResult
from mmcd.scene.settings import SceneSettings
from mmcd.scene.sharing import Share
from tests.scene.rasters import BlurredDifference

HEIGHT, WIDTH = 333, 270  # of the pair in conftest.py
SMALL = dict(tile_size=64, overlap=32, batch_size=3, probability_type='float32', min_area=0)
# (N, 2C, H, W) -> the probability of change, (N, H, W)
Probability = Callable[[np.ndarray], np.ndarray]


def map_small(
    predict: Probability | ChangePredictor,
    before: Path,
    after: Path,
    out: Path,
    *,
    vectors: Path | None = None,
    with_probability: bool = True,
    resume: bool = False,
    share: Share | None = None,
    **settings: Any,
) -> SceneResult:
    """Map with tiles of 64; the probability goes beside the map as NAME_p.tif."""
    probability = out.with_name(f'{out.stem}_p.tif') if with_probability else None
    predictor = predict if isinstance(predict, ChangePredictor) else FunctionPredictor(predict)
    return map_scene(
        predictor,
        str(before),
        str(after),
        SceneOutputs(out, probability, vectors),
        SceneSettings(**{**SMALL, **settings}),
        resume=resume,
        share=share,
    )


class StopsAt:
    """A network during whose n-th call somebody presses Ctrl-C."""

    def __init__(self, call: int = -1) -> None:
        self.calls, self.call = 0, call

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.calls == self.call:
            raise KeyboardInterrupt
        return BlurredDifference()(tiles)


BLUR = StopsAt()
