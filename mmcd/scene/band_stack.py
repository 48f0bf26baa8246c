"""A folder with a file for each band as one virtual raster, on the finest band's grid."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.sax.saxutils import escape

from rasterio.io import DatasetReader

from mmcd.errors import SceneError
from mmcd.io.band_folder import is_product, product_offset
from mmcd.scene.settings import SceneSettings

logger = logging.getLogger('mmcd')

# By it, messages name the folder: GDAL's own name of such a raster is its whole text.
FOLDER_TAG = 'MMCD_FOLDER'
# In products, 0 is no data; their files do not say so.
PRODUCT_NO_DATA = 0.0
TYPES = {
    'uint8': 'Byte',
    'int8': 'Int8',
    'uint16': 'UInt16',
    'int16': 'Int16',
    'uint32': 'UInt32',
    'int32': 'Int32',
    'uint64': 'UInt64',
    'int64': 'Int64',
    'float32': 'Float32',
    'float64': 'Float64',
}


def stack_bands(
    datasets: Sequence[DatasetReader],
    folder: Path,
    date: str,
    names: Sequence[str],
    resampling: str,
) -> str:
    """The text of a virtual raster whose bands are those of some files.

    Coarser bands are resampled to the grid of the finest one, whose corner they share.

    Args:
        datasets: open, with one band each.
        folder: of the files.
        date: its name in messages, 'before' or 'after'.
        names: of the bands.
        resampling: how, by a name of rasterio.enums.Resampling.

    Raises:
        SceneError: the files do not form one image.
    """
    finest = min(datasets, key=lambda dataset: abs(dataset.transform.a))
    faults = [fault for dataset in datasets if (fault := _misfit(dataset, finest))]
    if faults:
        raise SceneError(
            f'The files of the {date} image {folder} do not form one image:\n  '
            + '\n  '.join(faults)
        )
    no_data = PRODUCT_NO_DATA if is_product(folder) else None
    bands = [
        _band(dataset, number, name, finest, no_data, resampling)
        for number, (dataset, name) in enumerate(zip(datasets, names, strict=True), start=1)
    ]
    tag = f'<Metadata><MDI key="{FOLDER_TAG}">{escape(str(folder))}</MDI></Metadata>'
    return _virtual_raster(finest, tag + ''.join(bands))


def with_mask_band(dataset: DatasetReader, bands: Sequence[int]) -> str:
    """The text of a virtual raster of some bands, whose mask is where one of them has data.

    It has no value of no data and no alpha band.

    Args:
        dataset: open.
        bands: their numbers, from 1.
    """
    # Addresses of rasterio's, such as s3://, are none of GDAL's.
    is_address = '://' in dataset.name and dataset.files
    name = escape(dataset.files[0] if is_address else dataset.name)
    values = [
        f'<VRTRasterBand band="{number}" dataType="{TYPES[dataset.dtypes[band - 1]]}">'
        f'<SimpleSource><SourceFilename>{name}</SourceFilename><SourceBand>{band}</SourceBand>'
        '</SimpleSource></VRTRasterBand>'
        for number, band in enumerate(bands, start=1)
    ]
    # Each source leaves what the ones before have said where it says 0.
    masks = [
        f'<ComplexSource><SourceFilename>{name}</SourceFilename><SourceBand>mask,{band}'
        '</SourceBand><NODATA>0</NODATA></ComplexSource>'
        for band in bands
    ]
    mask = f'<MaskBand><VRTRasterBand dataType="Byte">{"".join(masks)}</VRTRasterBand></MaskBand>'
    return _virtual_raster(dataset, ''.join(values) + mask)


def name_of(dataset: DatasetReader) -> str:
    """What messages call a raster: its file, or the folder whose bands it shows."""
    return dataset.tags().get(FOLDER_TAG, dataset.name)


def with_product_offsets(before: str, after: str, settings: SceneSettings) -> SceneSettings:
    """Settings by which two products of Sentinel-2 are on one scale, that of the older one.

    Where one date is of processing baseline 04.00 or later and the other is not, as their metadata
    say, and the user has named no offset.
    """
    if (settings.offset_before, settings.offset_after) != (None, None):
        return settings
    first, second = (
        product_offset(Path(path)) if os.path.isdir(path) else None for path in (before, after)
    )
    if first is None or second is None or first == second:
        return settings
    date, other, offset = ('before', 'after', first) if first else ('after', 'before', second)
    logger.warning(
        'The %s image is a product of Sentinel-2 of processing baseline 04.00 or later, the %s '
        'image an older one: %d is added to the values of the %s image, as its metadata say.',
        *(date, other, offset, date),
    )
    return replace(settings, offset_before=float(first), offset_after=float(second))


def _virtual_raster(like: DatasetReader, content: str) -> str:
    place = ', '.join(map(repr, like.transform.to_gdal()))
    crs = '' if like.crs is None else f'<SRS>{escape(like.crs.to_wkt())}</SRS>'
    return (
        f'<VRTDataset rasterXSize="{like.width}" rasterYSize="{like.height}">{crs}'
        f'<GeoTransform>{place}</GeoTransform>{content}</VRTDataset>'
    )


def _misfit(dataset: DatasetReader, finest: DatasetReader) -> str:
    """Why a file is no band of the same image; '' where it is one."""
    name = Path(dataset.name).name
    if dataset.count != 1:
        return f'{name} holds {dataset.count} bands, not one'
    if dataset.dtypes[0] not in TYPES:
        return f'{name} holds {dataset.dtypes[0]} values'
    if dataset.crs != finest.crs:
        return f'{name} is in {dataset.crs}, {Path(finest.name).name} in {finest.crs}'
    if dataset.transform.b or dataset.transform.d:
        return f'{name} is rotated against north'
    within = max(abs(dataset.transform.a), abs(dataset.transform.e)) / 2
    apart = max(abs(a - b) for a, b in zip(dataset.bounds, finest.bounds, strict=True))
    if apart > within:
        return f'{name} covers another area than {Path(finest.name).name}'
    return ''


def _band(
    dataset: DatasetReader,
    number: int,
    name: str,
    finest: DatasetReader,
    no_data: float | None,
    resampling: str,
) -> str:
    """One band's part of the text; ``no_data`` holds where the file itself says nothing."""
    no_data = no_data if dataset.nodata is None else dataset.nodata
    kind = 'SimpleSource' if no_data is None else 'ComplexSource'
    declared = '' if no_data is None else f'<NoDataValue>{no_data!r}</NoDataValue>'
    left_out = '' if no_data is None else f'<NODATA>{no_data!r}</NODATA>'
    column, row = ~finest.transform * (dataset.transform.c, dataset.transform.f)
    width = dataset.width * dataset.transform.a / finest.transform.a
    height = dataset.height * dataset.transform.e / finest.transform.e
    is_same = (width, height) == (finest.width, finest.height)
    how = '' if is_same else f' resampling="{resampling.replace("_", "")}"'
    return (
        f'<VRTRasterBand band="{number}" dataType="{TYPES[dataset.dtypes[0]]}">'
        f'<Description>{escape(name)}</Description>{declared}'
        f'<{kind}{how}><SourceFilename>{escape(str(Path(dataset.name).absolute()))}'
        f'</SourceFilename><SourceBand>1</SourceBand>'
        f'<SrcRect xOff="0" yOff="0" xSize="{dataset.width}" ySize="{dataset.height}"/>'
        f'<DstRect xOff="{column!r}" yOff="{row!r}" xSize="{width!r}" ySize="{height!r}"/>'
        f'{left_out}</{kind}></VRTRasterBand>'
    )
