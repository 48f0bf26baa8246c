"""A scene from two files to its outputs."""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import rasterio
from rasterio.errors import NotGeoreferencedWarning

from mmcd.cli.progress import progress_bar
from mmcd.errors import SceneError, SceneStoppedError
from mmcd.inference.predictor import ChangePredictor
from mmcd.io.atomic import make_folder
from mmcd.io.hashing import sha256_of
from mmcd.scene.band_stack import with_product_offsets
from mmcd.scene.fitness import check_fitness
from mmcd.scene.outputs import OutputWriter
from mmcd.scene.pair_reader import OpenPair, PairReader, open_pair
from mmcd.scene.partial_run import FinishedRows, PartialRun
from mmcd.scene.plan import differences, make_plan, raster_tags
from mmcd.scene.prediction import (
    DATES,
    Checksums,
    OOMSafeBatches,
    Tiling,
    join_checksums,
    predict_strips,
    read_checksums,
)
from mmcd.scene.quicklook import draw_quicklook
from mmcd.scene.radiometry import Radiometry
from mmcd.scene.raster_reader import RasterReader
from mmcd.scene.report import (
    Stopwatch,
    describe_inputs,
    in_words,
    last_change,
    read_report,
    remove_report,
    write_report,
)
from mmcd.scene.scene_outputs import SceneOutputs, by_file
from mmcd.scene.scene_page import PICTURES, write_scene_page
from mmcd.scene.scene_result import SceneResult
from mmcd.scene.settings import SceneSettings
from mmcd.scene.sharing import Share
from mmcd.scene.stac import scene_dates, write_item
from mmcd.scene.tiling import tile_axis
from mmcd.scene.writing import check_crs, claim_outputs, publish
from mmcd.scene.zones import read_zones
from mmcd.version import __version__

logger = logging.getLogger('mmcd.scene')

# GDAL's own default is 5 % of the machine's memory. In bytes: rasterio does not take a small number
# as megabytes, as GDAL's own configuration does.
GDAL_CACHE_BYTES = 192 * 2**20
# A GIS program writes statistics and overviews beside an image that it shows; they do not make it
# another one. The first may hold georeference and no data, too: GDAL reads them on opening only.
SIDECARS = ('.aux.xml', '.ovr')


def map_scene(
    predictor: ChangePredictor,
    before: str,
    after: str,
    outputs: SceneOutputs,
    settings: SceneSettings | None = None,
    *,
    page: Path | None = None,
    resume: bool = False,
    share: Share | None = None,
    progress: bool = False,
) -> SceneResult:
    """Map what changed between two rasters.

    Args:
        predictor: what answers for tiles.
        before: the first date, anything that GDAL opens, or a folder with a file for each band,
            such as a product of Sentinel-2 as it is when unpacked.
        after: the second date; it is warped to the first one's grid where it lies on another.
        outputs: the files to write.
        settings: see there.
        page: folder of a web page about the scene; None: none is written.
        resume: go on with what an earlier run of the same scene has finished.
        share: this process's share, where several work on the scene.
        progress: show a bar on stderr.

    Raises:
        SceneError: the images or the settings cannot give a map.
        SceneStoppedError: the run broke off; what is finished is kept.
        InUseError: another run writes these outputs.
        PredictionError: the predictor gives NaN, infinite values, or no probabilities.
    """
    settings = (settings or SceneSettings()).completed(
        tile_size=predictor.tile_size, threshold=predictor.threshold
    )
    settings = with_product_offsets(before, after, settings)
    share = share or Share()
    if page is not None:
        make_folder(page)
    claimed = claim_outputs(outputs) if share.is_first else contextlib.nullcontext()
    with claimed, rasterio.Env(GDAL_CACHEMAX=GDAL_CACHE_BYTES), warnings.catch_warnings():
        # Pixel grids are fine here.
        warnings.simplefilter('ignore', NotGeoreferencedWarning)
        with open_pair(before, after, settings, predictor.image) as pair:
            named = [before, after, *(settings.mask or ()), *filter(None, [settings.zones])]
            _check_apart([*named, *pair.before.files, *pair.after.files], outputs, page)
            check_crs(pair.grid.crs)
            run = _SceneRun(predictor, pair, (before, after), outputs, settings, share)
            result = run.execute(resume=resume, progress=progress)
            if page is not None and share.is_first:
                run.write_page(page, result)
            return result


class _SceneRun:
    """One scene's way through :func:`map_scene`."""

    def __init__(
        self,
        predictor: ChangePredictor,
        pair: OpenPair,
        paths: tuple[str, str],
        outputs: SceneOutputs,
        settings: SceneSettings,
        share: Share,
    ) -> None:
        self._pair = pair
        self._paths = paths
        self._outputs = outputs
        self._settings = settings
        self._share = share
        self._partial = PartialRun(outputs.mask)
        self._tiling = Tiling(
            *(
                tile_axis(size, cast(int, settings.tile_size), cast(int, settings.overlap))
                for size in (pair.grid.height, pair.grid.width)
            )
        )
        self._classes, self._image = predictor.classes, predictor.image
        self._predict = OOMSafeBatches(predictor, settings.batch_size)
        statistics = predictor.statistics
        self._plan = make_plan(pair, predictor.describe(), settings, outputs, statistics)
        radiometry = Radiometry.from_dict(self._plan['preparation'])
        self._zones = (
            None
            if settings.zones is None
            else read_zones(settings.zones, pair.grid, allow_remote=settings.allow_remote)
        )
        self._dates = scene_dates(paths, settings, pair.grid) if settings.stac else ()
        self._findings = check_fitness(pair, radiometry, settings, predictor.image, statistics)
        self._watch = Stopwatch()
        self._to_do: list[int] = []
        _check_memory(self._tiling, pair.before, len(predictor.classes) - 1)
        files = [*pair.before.files, *pair.after.files]
        self._files = {path: _last_change(path) for path in files if not path.endswith(SIDECARS)}

    def execute(self, *, resume: bool, progress: bool) -> SceneResult:
        done = read_report(self._outputs.report) if resume else None
        if done is not None and self._is_of(done) and self._has_same_inputs(done):
            self._say(f'{self._outputs.mask} is finished; there is nothing to resume.')
            if self._share.is_first:
                self._partial.remove()
            return SceneResult(self._outputs, done)
        strips = self._begin(resume)
        stop = threading.Event()
        try:
            with (
                ThreadPoolExecutor(max_workers=1, thread_name_prefix='hash') as pool,
                contextlib.ExitStack() as ending,
            ):
                # The pool waits for its thread: an error or Ctrl-C is not to wait for whole files.
                ending.callback(stop.set)
                paths = self._paths if self._share.is_first else ()
                hashes = pool.map(functools.partial(sha256_of, stop=stop), paths)
                self._predict_strips(strips, progress)
                self._share.wait()
                if self._share.is_first:
                    self._finish(list(hashes))
        except SceneStoppedError as error:
            raise SceneStoppedError(f'{error}\n{self._how_to_go_on()}') from error
        self._share.wait()
        return SceneResult(self._outputs, read_report(self._outputs.report) or {})

    def write_page(self, folder: Path, result: SceneResult) -> None:
        """Write the web page about a scene that is mapped."""
        page = write_scene_page(
            folder,
            self._pair,
            Radiometry.from_dict(result.report['plan']['preparation']),
            self._outputs,
            result.report,
            image=self._image,
            classes=self._classes,
        )
        self._say(f'report: {page}')

    def _begin(self, resume: bool) -> list[int]:
        """Make the folder of strips; returns those that this process has to predict."""
        if self._share.is_first:
            discarded = self._partial.begin(self._plan, resume=resume)
            if discarded:
                why = (
                    'there was no plan that says how they were made.'
                    if resume
                    else 'with --resume this run would have gone on with them.'
                )
                logger.warning('%d strips of an earlier run were deleted; %s', discarded, why)
        self._share.wait()
        self._plan = self._partial.plan
        finished = self._partial.sound()
        self._share.wait()  # no process adds a strip before all have seen the same ones
        total = len(self._tiling.rows)
        values = Radiometry.from_dict(self._plan['preparation']).describe()
        self._say(f'before: {self._paths[0]}\nafter:  {self._paths[1]}')
        self._say(f'map:    {self._pair.grid.describe()}\nvalues: {values}')
        for finding in self._findings if self._share.is_first else ():
            level = logging.WARNING if finding.is_warning else logging.INFO
            logger.log(level, '%s: %s', finding.topic, finding.text)
        self._to_do = [strip for strip in range(total) if strip not in finished]
        if finished:
            self._say(f'{len(finished)} of {total} strips are there already.')
            if resume:
                self._check_pixels(
                    {s: finished[s] for s in self._share.contiguous(sorted(finished))}
                )
        return list(self._share.contiguous(self._to_do))

    def _predict_strips(self, strips: list[int], progress: bool) -> None:
        def save(strip: int, scores: np.ndarray, valid: np.ndarray, sums: Checksums) -> None:
            stored_as = self._plan['probability']
            threshold = cast(float, self._settings.threshold)
            rows = FinishedRows.of(scores, valid, threshold, stored_as, self._classes)
            self._partial.save(strip, rows, sums)

        shown = progress and self._share.is_first
        total = self._tiling.count_tiles(strips)
        with (
            self._watch.stage('predict'),
            progress_bar(total, self._outputs.mask.name, unit='tiles', shown=shown) as advance,
        ):
            predict_strips(
                self._reader(),
                self._tiling,
                self._predict,
                strips,
                save,
                advance,
                kinds=len(self._classes) - 1,
            )

    def _reader(self) -> PairReader:
        radiometry = Radiometry.from_dict(self._plan['preparation'])
        return PairReader(self._pair.before, self._pair.after, radiometry)

    def _check_pixels(self, strips: dict[int, Checksums]) -> None:
        """Check that finished strips are of the images as they are now, by all of their pixels.

        Reading them takes a small part of the time that predicting them took.

        Raises:
            SceneError: an image has been altered since.
        """
        for strip, sums in read_checksums(self._reader(), self._tiling, list(strips)):
            both = zip(DATES, self._paths, strips[strip], sums, strict=True)
            altered = [
                f'the {date} image {path}' for date, path, one, other in both if one != other
            ]
            if altered:
                masked = ' outside the areas of --mask' if self._settings.mask else ''
                raise SceneError(
                    f'The finished strips in {self._partial.folder} were made from other pixels '
                    f'than those that are now in {" and ".join(altered)}{masked}. Leave --resume '
                    'out to start over, or restore the previous file.'
                )

    def _finish(self, hashes: list[str | None]) -> None:
        writer = OutputWriter(
            self._partial,
            len(self._tiling.rows),
            self._pair.grid,
            self._outputs,
            self._settings,
            raster_tags(self._plan, *(Path(path).name for path in self._paths)),
            self._classes,
            self._zones,
        )
        with self._watch.stage('write'):
            found = writer.write_rasters()
        with self._watch.stage('vectors'):
            found |= writer.write_vectors(last_change(self._paths))
        if changed := [path for path in self._files if _last_change(path) != self._files[path]]:
            raise SceneStoppedError(
                f'{", ".join(changed)} was written to while it was mapped: the map would mix two '
                'versions of it.'
            )
        if not found['valid_pixels']:
            logger.warning('No pixel of %s has data in both dates.', self._outputs.mask)
        publish(self._outputs.all())
        # Not before: where a map can't be replaced, as one that is open on Windows, all stays.
        remove_report(self._outputs)
        beside = writer.write_beside(found, self._quicklook())
        report = self._write_report(found, hashes)
        if self._settings.stac:
            settings, grid = self._settings, self._pair.grid
            beside.append(
                write_item(self._outputs, settings, grid, self._classes, self._dates, report)
            )
        self._partial.remove()
        self._say(in_words(found, [*self._outputs.all(), *beside]))

    def _quicklook(self) -> bytes | None:
        """A picture; a map without one is better than none."""
        pair, mask = self._pair, self._outputs.mask
        try:
            with self._watch.stage('quicklook'):
                return draw_quicklook(
                    pair.before, pair.after, mask, pair.grid, self._image, self._classes
                )
        except Exception as error:
            logger.warning('There is no quicklook: %s', str(error) or type(error).__name__)
            return None

    def _write_report(self, found: dict[str, Any], hashes: list[str | None]) -> dict[str, Any]:
        strips, columns = len(self._tiling.rows), len(self._tiling.columns)
        report = dict(
            mmcd=__version__,
            inputs=describe_inputs(self._paths, hashes),
            outputs=[str(path) for path in self._outputs.all()],
            model=self._plan['model'],
            settings=self._settings.to_dict(),
            values=Radiometry.from_dict(self._plan['preparation']).describe(),
            check=[finding.to_dict() for finding in self._findings],
            **found,
            strips=strips,
            tiles=strips * columns,
            tiles_this_run=self._tiling.count_tiles(self._to_do),  # of which `seconds` are
            batch_size_at_end=self._predict.batch_size,
            processes=self._share.world,
            pixels=join_checksums(self._partial.checksums(strip) for strip in range(strips)),
            zones_checksum=None if self._zones is None else self._zones.checksum,
            seconds=dict(self._watch.seconds, total=self._watch.total),
            plan=self._plan,  # with the grid; by it, a resumed run knows that this one is done
        )
        write_report(self._outputs.report, report)
        return report

    def _is_of(self, report: dict[str, Any]) -> bool:
        """Whether a report is of this very scene, and its outputs are there."""
        settings = json.loads(json.dumps(self._settings.to_dict()))
        return (
            not differences(report.get('plan', {}), self._plan)
            and report.get('settings') == settings
            and report.get('outputs') == [str(path) for path in self._outputs.all()]
            and all(path.is_file() for path in self._outputs.all())
        )

    def _has_same_inputs(self, report: dict[str, Any]) -> bool:
        """Whether images, masks and zones are those of a finished run."""
        if self._zones is not None and report.get('zones_checksum') != self._zones.checksum:
            altered = 'zones'
        elif not self._has_same_pixels(report):
            altered = 'images or masks' if self._settings.mask else 'images'
        else:
            return True
        logger.warning(
            'The %s differ from those that %s was made from: it is made anew.',
            *(altered, self._outputs.mask),
        )
        return False

    def _has_same_pixels(self, report: dict[str, Any]) -> bool:
        """Whether the pixels that count are those of a finished run, by their files' hashes.

        What a single file's hash does not tell, as of a VRT over other files, or beside a mask,
        the pixels themselves do.
        """
        readers = dict(zip(DATES, (self._pair.before, self._pair.after), strict=True))
        hashes = {date: report.get('inputs', {}).get(date, {}).get('sha256') for date in DATES}
        in_one_file = all(reader.is_one_file for reader in readers.values())
        if in_one_file and all(hashes.values()) and not self._settings.mask:
            paths = dict(zip(DATES, self._paths, strict=True))
            return all(sha256_of(paths[date]) == hashes[date] for date in DATES)
        strips = range(len(self._tiling.rows))
        sums = read_checksums(self._reader(), self._tiling, strips)
        return report.get('pixels') == list(join_checksums(each for _, each in sums))

    def _how_to_go_on(self) -> str:
        finished, total = len(self._partial.finished()), len(self._tiling.rows)
        return (
            f'{finished} of {total} strips are finished and kept in {self._partial.folder}; the '
            'same command with --resume (resume=True) goes on from there.'
        )

    def _say(self, text: str) -> None:
        if self._share.is_first:
            logger.info('%s', text)


def _check_apart(inputs: list[str], outputs: SceneOutputs, page: Path | None) -> None:
    """Make sure that neither the outputs nor the page's pictures overwrite an input.

    Raises:
        SceneError: they would.
    """
    files = by_file(inputs)
    outputs.check_apart(files)
    pictures = None if page is None else os.path.realpath(page / PICTURES)
    for file, name in files.items():
        if os.path.dirname(file) == pictures:
            raise SceneError(
                f'The input {name} lies where the pictures of the web page go, {pictures}. Name '
                'another folder for the page.'
            )


def _check_memory(tiling: Tiling, reader: RasterReader, kinds: int) -> None:
    """Find out before the work whether the machine can hold a row of tiles.

    Raises:
        SceneError: it can't.
    """
    height, width = tiling.rows.tile, tiling.columns.size
    # Both dates as they are read and as the network takes them, a strip ahead, and the scores.
    values = 4 * reader.bands * reader.dtype.itemsize + 8 * kinds
    needed = height * width * values
    try:
        there = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    except (AttributeError, ValueError, OSError):  # Windows
        return
    if needed > there:
        raise SceneError(
            f'A row of tiles of this scene, {height} x {width} pixels, takes '
            f'{needed / 1e9:,.0f} GB, and this machine has {there / 1e9:,.0f} GB. Is the size in '
            "the file's header right? Then cut the scene into parts side by side."
        )


def _last_change(path: str) -> tuple[int, int] | None:
    """Size and time of a local file, else None."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
