"""Mapping small scenes with stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmcd.scene.scene import SceneResult, map_scene
from mmcd.scene.settings import SceneOutputs, SceneSettings
from mmcd.scene.sharing import Share
from mmcd.scene.tile_prediction import PredictTiles

SMALL = dict(tile_size=64, overlap=32, batch_size=3, probability_type='float32', min_area=0)


def map_small(
    predict: PredictTiles,
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
    return map_scene(
        predict,
        str(before),
        str(after),
        SceneOutputs(out, probability, vectors),
        SceneSettings(**{**SMALL, **settings}),
        resume=resume,
        share=share,
    )
