"""Which bands of a raster the model gets, and whether their values fit it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from mmcd.errors import SceneError
from mmcd.scene.settings import SceneSettings
from mmcd.structures import ImageSpec
from mmcd.structures.image_spec import RGB


def choose_bands(
    dataset: DatasetReader, date: str, settings: SceneSettings, image: ImageSpec
) -> list[int]:
    """The numbers of a raster's bands, from 1, in the order of the image description.

    In this order: those of the settings; those of the image description (``file_bands``); those
    that the file names as the description does; by their colours where the model takes red, green
    and blue; all, where their number fits. An alpha band is none of them.

    Raises:
        SceneError: none of these holds, or the bands' values are not what the model takes.
    """
    bands = settings.bands or _matching_bands(dataset, image)
    alpha = _alpha_bands(dataset)
    wanted = bands or ()
    exist = all(1 <= band <= dataset.count and band not in alpha for band in wanted)
    if len(wanted) != image.num_bands or not exist:
        asked = f', but bands {" ".join(map(str, wanted))} are asked for' if wanted else ''
        raise SceneError(
            f'The {date} image {dataset.name} has {_count(dataset, alpha)}{asked}; the model takes '
            f'{image.describe()}. Name the {image.num_bands} that it is to get, in this order, '
            f'such as --bands {" ".join(str(n + 1) for n in range(image.num_bands))}'
            f'{", or --bands 1 1 1 for grey" if image.is_rgb else ""}.'
        )
    _check_type(dataset, date, wanted, settings, image)
    return list(wanted)


def _matching_bands(dataset: DatasetReader, image: ImageSpec) -> Sequence[int] | None:
    alpha = _alpha_bands(dataset)
    if image.file_bands is not None:
        return image.file_bands
    names = [(name or '').strip().lower() for name in dataset.descriptions]
    wanted = [band.lower() for band in image.bands]
    if all(names.count(name) == 1 for name in wanted):
        return [names.index(name) + 1 for name in wanted]
    colours = [what.name for what in dataset.colorinterp]
    if image.is_rgb and all(colours.count(name) == 1 for name in RGB):
        return [colours.index(name) + 1 for name in RGB]
    all_bands = [band for band in range(1, dataset.count + 1) if band not in alpha]
    return all_bands if len(all_bands) == image.num_bands else None


def _alpha_bands(dataset: DatasetReader) -> list[int]:
    return [i + 1 for i, what in enumerate(dataset.colorinterp) if what == ColorInterp.alpha]


def _count(dataset: DatasetReader, alpha: Sequence[int]) -> str:
    text = f'{dataset.count} band{"s" if dataset.count > 1 else ""} of {dataset.dtypes[0]}'
    return f'{text} (number {alpha[0]} is its alpha mask)' if alpha else text


def _check_type(
    dataset: DatasetReader,
    date: str,
    bands: Sequence[int],
    settings: SceneSettings,
    image: ImageSpec,
) -> None:
    found = np.result_type(*(dataset.dtypes[band - 1] for band in bands))
    if found.kind not in 'uif':
        raise SceneError(f'The {date} image {dataset.name} holds {dataset.dtypes[0]} values.')
    what = f'The {date} image {dataset.name} holds {found} values; the model takes'
    if settings.scaling is not None and image.dtype != 'uint8':
        raise SceneError(
            f'{what} {image.describe()} as they are. Leave --scaling and --value-range out: they '
            'stretch to 8 bit.'
        )
    if settings.scaling is None and found != image.dtype:
        remedy = (
            'If it was trained on such images stretched to 8 bit, name how: --scaling shared or '
            'per-date, or --value-range LOW HIGH (scaling=, value_range= in Python).'
            if image.dtype == 'uint8'
            else 'Bring the image to that type first, or use a model that was trained on this one.'
        )
        raise SceneError(f'{what} {image.describe()}. {remedy}')
