"""Reading one date, window by window, on the grid of the map, in the bands that the model takes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp, MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.io import DatasetReader
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from mmcd.errors import ImagePairError, SceneError, SceneStoppedError
from mmcd.io.band_folder import choose_band_files
from mmcd.io.images import INDICES, is_grey_ramp, palette_of
from mmcd.scene.band_stack import FOLDER_TAG, name_of, stack_bands, with_mask_band
from mmcd.scene.exclusions import Exclusions
from mmcd.scene.grid import Grid
from mmcd.scene.settings import SceneSettings
from mmcd.scene.sources import check_dataset, check_no_pipe, check_path
from mmcd.structures import ImageSpec
from mmcd.structures.image_spec import RGB

RGB_HINT = (
    ' for files with red, green and blue first, --bands 3 2 1 for blue, green, red (and near '
    'infrared), or --bands 1 1 1 for grey, of which models of colour images make little'
)


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
            f'The {date} image {name_of(dataset)} has {_count(dataset, alpha)}{asked}; the model '
            f'takes {image.describe()}. Name the {image.num_bands} bands to take, in this '
            f'order, such as --bands {" ".join(str(n + 1) for n in range(image.num_bands))}'
            f'{RGB_HINT if image.is_rgb else ""}.'
        )
    _check_type(dataset, date, wanted, settings, image)
    return list(wanted)


def _matching_bands(dataset: DatasetReader, image: ImageSpec) -> Sequence[int] | None:
    alpha = _alpha_bands(dataset)
    # A folder's bands are in the description's order, and bear its names.
    if image.file_bands is not None and FOLDER_TAG not in dataset.tags():
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


def _has_colours(dataset: DatasetReader, bands: Sequence[int]) -> bool:
    plain = (ColorInterp.undefined, ColorInterp.gray)
    return all(dataset.colorinterp[band - 1] not in plain for band in bands)


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
    stored = [dataset.dtypes[band - 1] for band in bands]
    # Before NumPy is asked, which has no name for some of GDAL's complex types.
    if unfit := [dtype for dtype in stored if dtype.startswith('complex')]:
        raise SceneError(
            f'The {date} image {name_of(dataset)} holds {unfit[0]} values; the model takes '
            f'{image.describe()}. Bring the image to such values first, such as its amplitudes: '
            'gdal_translate DERIVED_SUBDATASET:AMPLITUDE:FILE amplitudes.tif.'
        )
    indexed = (band for band in bands if dataset.colorinterp[band - 1] == ColorInterp.palette)
    if not all(is_grey_ramp(palette_of(dataset, band)) for band in indexed):
        raise SceneError(f'The {date} image {name_of(dataset)} {INDICES}')
    found = np.result_type(*stored)
    if settings.no_data is not None and found.kind in 'ui':
        limits = np.iinfo(found)
        if not limits.min <= settings.no_data <= limits.max or settings.no_data % 1:
            raise SceneError(
                f'No pixel of the {date} image {name_of(dataset)} can have the no-data value '
                f'{settings.no_data:g}: it holds {found} values.'
            )
    what = f'The {date} image {name_of(dataset)} holds {found} values; the model takes'
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


def open_date(path: str, date: str, settings: SceneSettings, image: ImageSpec) -> DatasetReader:
    """Open one date: a file, or a folder with a file for each band, such as a Sentinel-2 product.

    Args:
        path: of it.
        date: its name in messages, 'before' or 'after'.
        settings: of the scene.
        image: what the model takes; by it the files of a folder are chosen.

    Raises:
        SceneError: see :func:`open_raster`; or a folder's files do not form such an image.
    """
    if not os.path.isdir(path):
        return open_raster(path, date, allow_remote=settings.allow_remote)
    if settings.bands:
        raise SceneError(
            f'--bands counts the bands of a file, but the {date} image {path} is a folder, whose '
            f'files are chosen by the names of what the model takes: {", ".join(image.bands)}. '
            'Leave --bands out.'
        )
    folder = Path(path)
    try:
        files = choose_band_files(folder, image)
    except ImagePairError as error:
        raise SceneError(f'The {date} image cannot be opened. {error}') from error
    with contextlib.ExitStack() as stack:
        bands = [
            stack.enter_context(open_raster(str(file), date, allow_remote=settings.allow_remote))
            for file in files
        ]
        text = stack_bands(bands, folder, date, image.bands, settings.resampling)
    return rasterio.open(text)


def open_raster(path: str, date: str, *, allow_remote: bool = False) -> DatasetReader:
    """Open anything that GDAL reads, under the options of :func:`mmcd.scene.sources.gdal_options`.

    Args:
        path: the file.
        date: its name in messages, 'before' or 'after'.
        allow_remote: see :func:`mmcd.scene.sources.check_path`.

    Raises:
        SceneError: it can't be opened, reaches further than it may, or is georeferenced by control
            points only.
    """
    check_path(path, f'{date} image', allow_remote=allow_remote)
    check_no_pipe(path, f'{date} image')
    try:
        dataset = rasterio.open(path)
    except RasterioError as error:
        is_relative = not os.path.isabs(path) and '://' not in str(path)
        where = f' (from {os.getcwd()})' if is_relative and not os.path.exists(path) else ''
        raise SceneError(f'Cannot open the {date} image {path}{where}: {error}') from error
    try:
        check_dataset(dataset, f'{date} image', allow_remote=allow_remote)
    except SceneError:
        dataset.close()
        raise
    if dataset.crs is None and dataset.gcps[0]:
        dataset.close()
        raise SceneError(
            f'The {date} image {path} is georeferenced by ground control points, not by a grid. '
            'Warp it first, such as with gdalwarp.'
        )
    return dataset


class RasterReader:
    """One date on the grid of the map.

    Args:
        dataset: the open raster.
        date: its name in messages, 'before' or 'after'.
        grid: of the map.
        shift: the map's first row and column in the raster; None: the raster is warped.
        bands: numbers of the bands, from 1, in the order that the model takes; see
            :func:`mmcd.scene.raster_reader.choose_bands`.
        no_data: value that stands for no data, besides what the file itself says.
        offset: is added to the values of data; what then lies outside of the file's type is
            clipped.
        resampling: how a raster is warped, by a name of rasterio.enums.Resampling.
        excluded: areas of the map that count as without data; None: there are none.
    """

    def __init__(
        self,
        dataset: DatasetReader,
        date: str,
        *,
        grid: Grid,
        shift: tuple[int, int] | None,
        bands: Sequence[int],
        no_data: float | None = None,
        offset: float = 0.0,
        resampling: str = 'bilinear',
        excluded: Exclusions | None = None,
    ) -> None:
        self._offset = offset
        self.path = name_of(dataset)
        self.dtype = np.dtype(np.result_type(*(dataset.dtypes[band - 1] for band in bands)))
        self._date = date
        self._grid = grid
        self._resampling = resampling
        self.band_numbers = list(bands)
        self.bands = len(bands)
        self._opened_numbers = self.band_numbers
        # Whether the file itself says, by names or colours, what its bands are.
        self.names_bands = any(dataset.descriptions) or _has_colours(dataset, bands)
        # With what lies beside it, such as overviews, masks, and the sources of a VRT.
        self.files = list(dataset.files)
        self._no_data = no_data
        self._excluded = excluded
        self._row, self._column = shift or (0, 0)
        self._source = dataset
        self._opened: DatasetReader | WarpedVRT = dataset
        self._closing = contextlib.ExitStack()
        if shift is None:
            source: DatasetReader | WarpedVRT = dataset
            if no_data is not None and _has_mask(dataset, bands):
                source = self._closing.enter_context(_filled(dataset, bands, no_data))
                self._opened_numbers = list(source.indexes)
            self._opened = self._closing.enter_context(_warp(source, grid, no_data, resampling))
        self._has_mask = _has_mask(self._opened, self._opened_numbers)

    def read(
        self, row: int, height: int, column: int = 0, width: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (C, height, width) in the file's type, and where they are data.

        Raises:
            SceneStoppedError: a block of the file can't be read.
        """
        width = self._grid.width if width is None else width
        window = Window(self._column + column, self._row + row, width, height)
        try:
            pixels = self._opened.read(self._opened_numbers, window=window)
            valid = self._read_valid(pixels, window)
            if self._excluded is not None:
                valid &= ~self._excluded.read(row, height, column, width)
        except Exception as error:  # GDAL has many types of them
            raise SceneStoppedError(
                f'Cannot read the {self._date} image {self.path} at rows {row} to {row + height} '
                f'of the map: {_said_by_gdal(error)}. Is the file whole?'
            ) from error
        return self._shifted(pixels, valid), valid

    def _shifted(self, pixels: np.ndarray, valid: np.ndarray) -> np.ndarray:
        if not self._offset:
            return pixels
        shifted = pixels + np.float64(self._offset)
        if pixels.dtype.kind in 'ui':
            limits = np.iinfo(pixels.dtype)
            shifted = shifted.round().clip(limits.min, limits.max)
        return np.where(valid, shifted, pixels).astype(pixels.dtype)

    def read_reduced(self, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """The whole map's area as a picture, (C, height, width), and where it is data.

        Raises:
            SceneStoppedError: a block of the file can't be read.
        """
        window = Window(self._column, self._row, self._grid.width, self._grid.height)
        shape = (self.bands, height, width)
        try:
            # By the files' overviews, where they have some; no-data values are left out.
            pixels = self._opened.read(
                self._opened_numbers, window=window, out_shape=shape, resampling=Resampling.average
            )
            valid = np.isfinite(pixels).all(axis=0)
            if self._has_mask:
                masks = self._opened.read_masks(
                    self._opened_numbers, window=window, out_shape=shape
                )
                valid &= masks.any(axis=0)
        except Exception as error:  # GDAL has many types of them
            raise SceneStoppedError(
                f'Cannot read the {self._date} image {self.path}: {_said_by_gdal(error)}.'
            ) from error
        if self._no_data is not None:
            valid &= (pixels != self._no_data).any(axis=0)
        return self._shifted(pixels, valid), valid

    def read_overview(self, grid: Grid, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
        """All of the map in fewer pixels (C, height, width), and where they are data.

        The file's own overviews are used where it has some.

        Raises:
            SceneStoppedError: a block of the file can't be read.
        """
        scale = Affine.scale(grid.width / width, grid.height / height)
        coarse = self._grid.through(scale, height, width)
        with RasterReader(
            self._source,
            self._date,
            grid=coarse,
            shift=None,
            bands=self.band_numbers,
            no_data=self._no_data,
            resampling=self._resampling,
            offset=self._offset,
        ) as reader:
            return reader.read(0, height)

    @property
    def is_one_file(self) -> bool:
        """Whether all that is read is in one local file, whose hash tells it from others."""
        return self.files == [self.path] and os.path.isfile(self.path)

    def __enter__(self) -> RasterReader:
        return self

    def __exit__(self, *error: object) -> None:
        """Close what this reader has opened; the raster was not."""
        self._closing.close()

    def _read_valid(self, pixels: np.ndarray, window: Window) -> np.ndarray:
        """(height, width) bool. Bands of one pixel are without data together, as in GDAL."""
        if self._has_mask:
            valid = self._opened.read_masks(self._opened_numbers, window=window).any(axis=0)
        else:
            valid = np.ones(pixels.shape[1:], bool)
        if self._no_data is not None:
            valid &= (pixels != self._no_data).any(axis=0)
        if pixels.dtype.kind == 'f':
            valid &= np.isfinite(pixels).all(axis=0)
        return valid


def _has_mask(dataset: DatasetReader | WarpedVRT, bands: Sequence[int]) -> bool:
    return any(dataset.mask_flag_enums[band - 1] != [MaskFlags.all_valid] for band in bands)


@contextlib.contextmanager
def _filled(dataset: DatasetReader, bands: Sequence[int], no_data: float) -> Iterator[WarpedVRT]:
    """Some bands of a raster, with a value where the raster itself says that there is no data.

    GDAL warps by one value of no data: by two, or by one and a mask or an alpha band, it does not.
    """
    with (
        rasterio.open(with_mask_band(dataset, bands)) as masked,
        WarpedVRT(
            masked,
            **_pixels_of(masked),
            init_dest_nodata=False,
            INIT_DEST=str(no_data),
        ) as filled,
    ):
        yield filled


def _warp(
    dataset: DatasetReader | WarpedVRT, grid: Grid, no_data: float | None, resampling: str
) -> WarpedVRT:
    no_data = dataset.nodata if no_data is None else no_data
    # What lies outside of the raster must be told from black: by its no-data value, by its own
    # alpha band, else by a new one.
    has_alpha = ColorInterp.alpha in dataset.colorinterp
    return WarpedVRT(
        dataset,
        **_pixels_of(grid),
        src_nodata=no_data,
        nodata=no_data,
        add_alpha=no_data is None and not has_alpha,
        resampling=Resampling[resampling],
        # As everywhere: a pixel is without data where all of its bands are.
        UNIFIED_SRC_NODATA='YES',
    )


def _pixels_of(raster: DatasetReader | Grid) -> dict[str, Any]:
    """What tells GDAL to warp to the pixels of a raster or a grid."""
    return dict(
        crs=raster.crs, transform=raster.transform, height=raster.height, width=raster.width
    )


def _said_by_gdal(error: Exception) -> str:
    """The message of the innermost error: the outer ones say "see previous exception"."""
    while error.__cause__ is not None:
        error = error.__cause__  # type: ignore[assignment]
    return str(error).rstrip('.')
