"""A model's answer for two whole scenes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from mmcd.errors import SceneError
from mmcd.inference import ChangePredictor, make_predictor
from mmcd.install.extras import require_geo

if TYPE_CHECKING:  # rasterio is needed only where a scene is mapped
    from mmcd.scene.scene_result import SceneResult


def predict_scene(
    model: nn.Module | ChangePredictor,
    before: str | Path,
    after: str | Path,
    out: str | Path,
    *,
    probability: str | Path | None = None,
    vectors: str | Path | None = None,
    report_dir: str | Path | None = None,
    precision: str | None = None,
    compile: bool = False,
    optimize: bool = True,
    tta: bool | str = False,
    resume: bool = False,
    progress: bool = False,
    **settings: Any,
) -> SceneResult:
    """Map what changed between two rasters of any size, in memory that grows with their width.

    The after image is warped to the before image's grid where it lies on another; the map covers
    their overlap. It holds class indices (0 unchanged, 1 changed) and
    255 for no data. A JSON report is written beside it.

    Args:
        model: from :func:`mmcd.apis.init_model`, or a predictor
            (:func:`mmcd.inference.make_predictor`).
        before: the first date, anything that GDAL opens.
        after: the second date.
        out: the change map, a GeoTIFF.
        probability: the probability of change, a GeoTIFF.
        vectors: polygons of the changes, a GeoPackage (.gpkg) or GeoJSON (.geojson).
        report_dir: folder of a web page with both dates under a swipe and the largest changes.
        precision: see :func:`mmcd.apis.predict_pair`.
        compile: see :func:`mmcd.apis.predict_pair`.
        optimize: see :func:`mmcd.apis.predict_pair`.
        tta: see :func:`mmcd.apis.predict_pair`.
        resume: go on with the strips that a stopped run has finished.
        progress: show a bar on stderr.
        **settings: how the scene is read, tiled and written, such as ``threshold``, ``bands`` and
            ``scaling``: see :class:`mmcd.scene.settings.SceneSettings`.

    Returns:
        The outputs' paths and what the report says, such as ``changed_area_m2``.

    Raises:
        ConfigError: there is no such precision, or the device does not support it.
        MissingExtraError: the packages of the extra ``geo`` are not installed.
        SceneError: the images or the settings cannot give a map.
        SceneStoppedError: the run broke off; ``resume=True`` goes on.
        InUseError: another run writes these outputs.
        PredictionError: the model gives NaN, infinite values, or no probabilities.

    Example:
        >>> model = init_model('configs/darnet_levir.py', 'darnet_levir.pth')
        >>> result = predict_scene(model, '2016.tif', '2018.tif', 'change.tif')
        >>> result.report['changed_area_m2']
    """
    require_geo()
    from mmcd.scene.scene import map_scene
    from mmcd.scene.scene_outputs import SceneOutputs
    from mmcd.scene.settings import SceneSettings

    for date, image in (('before', before), ('after', after)):
        if not isinstance(image, (str, os.PathLike)):
            raise SceneError(
                f'The {date} image is a {type(image).__name__}, but predict_scene takes the names '
                'of files. Of an open dataset give its .name; for arrays there is predict_pair.'
            )
    return map_scene(
        make_predictor(model, precision=precision, compile=compile, optimize=optimize, tta=tta),
        str(before),
        str(after),
        SceneOutputs.named(out, probability, vectors),
        SceneSettings(**settings),
        page=None if report_dir is None else Path(report_dir),
        resume=resume,
        progress=progress,
    )
