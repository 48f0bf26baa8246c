"""A model's answer for two whole scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from mmcd.install.geo import require_geo

if TYPE_CHECKING:  # rasterio is needed only where a scene is mapped
    from mmcd.inference.exported_model import ExportedModel
    from mmcd.scene.scene import SceneResult


def predict_scene(
    model: nn.Module | ExportedModel,
    before: str | Path,
    after: str | Path,
    out: str | Path,
    *,
    probability: str | Path | None = None,
    vectors: str | Path | None = None,
    tile_size: int | None = None,
    overlap: int = 128,
    batch_size: int = 4,
    threshold: float | None = None,
    bands: Sequence[int] = (1, 2, 3),
    no_data: float | None = None,
    resampling: str = 'bilinear',
    scaling: str = 'shared',
    value_range: tuple[float, float] | None = None,
    probability_type: str = 'uint8',
    cog: bool = False,
    min_area: float = 10.0,
    simplify: float = 0.0,
    precision: str | None = None,
    compile: bool = False,
    resume: bool = False,
    progress: bool = False,
) -> SceneResult:
    """Map what changed between two rasters of any size, in memory that grows with their width.

    The after image is warped to the before image's grid where it lies on another; the map covers
    where both lie. It is 0 unchanged, 1 changed, 255 no data. A JSON report is written beside it.

    Args:
        model: from :func:`mmcd.apis.init_model` or :func:`mmcd.inference.optimize_for_inference`.
        before: the first date, anything that GDAL opens.
        after: the second date.
        out: the change map, a GeoTIFF.
        probability: the probability of change, a GeoTIFF.
        vectors: polygons of the changes, a GeoPackage (.gpkg) or GeoJSON (.geojson).
        tile_size: height and width of the tiles that the network gets; None: 512, or what an
            exported model says of itself.
        overlap: pixels that neighbouring tiles share at least.
        batch_size: tiles at a time; halved where the device's memory does not hold them.
        threshold: changed where the probability is greater; None: 0.5, or what an exported model
            says of itself.
        bands: numbers of the bands, from 1, in the order that the model takes (RGB).
        no_data: value of no data, besides what the files say themselves.
        resampling: 'nearest', 'bilinear', 'cubic', 'cubic_spline', 'lanczos' or 'average'.
        scaling: 'shared': dates of other than 8 bit share one value range; 'per-date'.
        value_range: values that become 0 and 255; None: the scene's 2nd and 98th percentiles.
        probability_type: 'uint8' (0 .. 254 for 0 .. 1) or 'float32'.
        cog: write cloud-optimised GeoTIFFs.
        min_area: smaller areas become no polygon: m², or pixels without a georeference.
        simplify: how far an outline may move, in pixels.
        precision: see :func:`mmcd.apis.predict_pair`.
        compile: see :func:`mmcd.apis.predict_pair`.
        resume: go on with the strips that a stopped run has finished.
        progress: show a bar on stderr.

    Returns:
        The outputs' paths and what the report says, such as ``changed_area_m2``.

    Raises:
        ConfigError: the device does not work in this precision, or there is no such.
        MissingExtraError: the packages of the extra ``geo`` are not installed.
        SceneError: the images or the settings cannot give a map.
        SceneStoppedError: the run broke off; ``resume=True`` goes on.

    Example:
        >>> model = init_model('configs/darnet_levir.py', 'darnet_levir.pth')
        >>> result = predict_scene(model, '2016.tif', '2018.tif', 'change.tif')
        >>> result.report['changed_area_m2']
    """
    require_geo()
    from mmcd.scene.scene import map_scene
    from mmcd.scene.settings import SceneOutputs, SceneSettings
    from mmcd.scene.tile_prediction import as_predictor, own_settings

    own = own_settings(model)
    settings = SceneSettings(
        tile_size=own['tile_size'] if tile_size is None else tile_size,
        overlap=overlap,
        batch_size=batch_size,
        threshold=own['threshold'] if threshold is None else threshold,
        bands=tuple(bands),
        no_data=no_data,
        resampling=resampling,
        scaling=scaling,
        value_range=value_range,
        probability_type=probability_type,
        cog=cog,
        min_area=min_area,
        simplify=simplify,
    )
    return map_scene(
        as_predictor(model, precision=precision, compile=compile),
        str(before),
        str(after),
        SceneOutputs.named(out, probability, vectors),
        settings,
        resume=resume,
        progress=progress,
    )
