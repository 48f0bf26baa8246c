"""Preparing a data set: planning, writing in parallel, going on where a run was stopped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path

from mmcd.data_tools.prepare.cutting import CutJob, CutResult, run_cut, source_digest
from mmcd.data_tools.prepare.dataset_plan import DatasetPlan, Division, ScenePlan, plan_dataset
from mmcd.data_tools.prepare.polygons import is_polygons
from mmcd.data_tools.prepare.sources import Scene, Source
from mmcd.data_tools.prepare.tile_grid import TileGrid
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.layout import MANIFEST, Manifest, PairLayout, read_manifest
from mmcd.errors import DatasetError, listed
from mmcd.io.atomic import cannot_write, make_folder, sweep_partial, write_whole
from mmcd.io.image_encoding import FAST_COMPRESSION, ignored_value
from mmcd.io.images import TIFF_SUFFIXES
from mmcd.parallel import run_jobs


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        name: of the data set, as in ``SOURCES``.
        source: the data set.
        folder: where it was unpacked.
        out: where the pairs go.
        tiling: how it is cut; None leaves images whole.
        division: how pairs without a split are divided.
        compression: of PNG tiles, 0 (none, read in a third of the time) to 9.
    """

    name: str
    source: Source
    folder: Path
    out: Path
    tiling: TileGrid | None
    division: Division
    compression: int = FAST_COMPRESSION


class Preparation:
    """The preparation of one data set.

    Args:
        request: what is asked for.

    Raises:
        DatasetNotFoundError: files of the source are missing.
        DatasetError: files of the source are left over, or ``out`` is the source's own folder, or
            one within or around it.
        ConfigError: its pairs can't be divided or cut as asked.
    """

    def __init__(self, request: Request) -> None:
        out, folder = request.out.resolve(), request.folder.resolve()
        if out == folder or out in folder.parents or folder in out.parents:
            raise DatasetError(
                f'The pairs need a folder of their own, but {request.out} is, or lies in or above, '
                f'the one that they come from, {request.folder}. Choose another one.'
            )
        self.request = request
        layout = request.source.layout
        self.classes = layout.classes
        self.encoding = LabelEncoding.from_config(layout.label_encoding, self.classes)
        scenes = request.source.find(request.folder, request.source)
        self._digests: dict[Scene, str] = {}
        self.plan: DatasetPlan = plan_dataset(scenes, request.tiling, request.division)

    @property
    def layout(self) -> PairLayout:
        """How the prepared pairs are read."""
        values = dict(zip(self.classes.names, self.classes.label_values, strict=True))
        if self.encoding.ignored is not None or self.plan.padded:
            values['ignored'] = ignored_value(self.classes)
        return PairLayout(image_suffixes=self.plan.image_suffixes(), label_encoding=values)

    def manifest(self, complete: bool) -> Manifest:
        """What ``prepared.json`` will hold."""
        request = self.request
        settings = dict(
            source=request.name,
            labels=str(self.encoding),
            tiling=asdict(request.tiling) if request.tiling else None,
            division=asdict(request.division),
            names=self.plan.digest(),
        )
        return Manifest(settings, self.layout, dict(self.plan.pairs()), complete)

    def start(self, overwrite: bool = False) -> None:
        """Make the folders, once it is clear that they may hold these pairs.

        Args:
            overwrite: remove pairs that were prepared to the end with other settings.

        Raises:
            DatasetError: the folder holds something else.
        """
        out = self.request.out
        try:
            is_file = out.exists() and not out.is_dir()
        except OSError as error:  # such as for a name that is too long
            raise cannot_write(out, error) from error
        if is_file:
            raise DatasetError(f'The pairs need a folder, but {out} is a file.')
        self._make_room(overwrite)
        for folder in self._folders():
            make_folder(folder)
            sweep_partial(folder)
        self._write_manifest(complete=False)

    def run(self, workers: int) -> Iterator[CutResult]:
        """Write what is missing; yields the result of each scene, or of each row of a large one.

        Args:
            workers: processes to work in.
        """
        return run_jobs(run_cut, self.jobs(), workers)

    def finish(self, results: list[CutResult]) -> None:
        """Declare the data set complete.

        Raises:
            DatasetError: some scenes could not be read; all are named, up to 20.
        """
        errors = [result.error for result in results if result.error]
        if errors:
            raise DatasetError(
                f'{len(errors)} part(s) could not be prepared:\n{listed(errors)}\nFix or replace '
                'these files and run the same command again; all others are done. Where all labels '
                'have other values than stated, state theirs instead: prepare.py folder ... '
                '--label-values.'
            )
        if hasattr(os, 'sync'):
            os.sync()  # the manifest says of all files that they are there
        self._write_manifest(complete=True)

    def jobs(self) -> list[CutJob]:
        """What can be done at the same time: scenes, and rows of tiles of large ones."""
        return [job for plan in self.plan.scenes for job in self._jobs_of(plan)]

    def _jobs_of(self, plan: ScenePlan) -> Iterator[CutJob]:
        if not plan.tiles:
            return
        whole = CutJob(
            plan.scene,
            plan.tiles,
            self.request.out,
            self.layout,
            self.encoding,
            self.request.compression,
            self.classes,
        )
        # Other files are decoded at once, and polygons drawn: for rows of them, again and again.
        in_rows = plan.scene.before.suffix.lower() in TIFF_SUFFIXES
        if not in_rows or plan.tiles[0].window is None or is_polygons(plan.scene.label):
            yield whole
            return
        # Known to all rows, so that large files are not read for each of them.
        if plan.scene not in self._digests:
            self._digests[plan.scene] = source_digest(plan.scene)
        whole = replace(whole, digest=self._digests[plan.scene])
        for _, row in groupby(plan.tiles, key=lambda tile: tile.window and tile.window.top):
            yield replace(whole, tiles=tuple(row))

    def _folders(self) -> list[Path]:
        names = self.layout.before_dir, self.layout.after_dir, self.layout.label_dir
        return [self.request.out / split / name for split in self.plan.pairs() for name in names]

    def _make_room(self, overwrite: bool) -> None:
        out = self.request.out
        there = read_manifest(out)
        if there is None:
            if any(folder.is_dir() and any(folder.iterdir()) for folder in self._folders()):
                raise DatasetError(
                    f'{out} holds images that were not prepared by mmcd. Choose another folder.'
                )
            return
        wanted = self.manifest(complete=False).settings
        differing = [key for key in wanted if there.settings.get(key) != wanted[key]]
        if not differing:
            return
        # Nobody trains on pairs of a preparation that was stopped, such as by labels of other
        # values than were stated.
        if there.complete and not overwrite:
            came = ', '.join(f'{key} {there.settings.get(key)}' for key in differing)
            asked = ', '.join(f'{key} {wanted[key]}' for key in differing)
            raise DatasetError(
                f'{out} holds pairs with {came}, but {asked} was asked for. Choose another folder, '
                'or replace its pairs with --overwrite.'
            )
        layout = there.layout
        for split in there.pairs:
            for name in (layout.before_dir, layout.after_dir, layout.label_dir):
                shutil.rmtree(out / split / name, ignore_errors=True)

    def _write_manifest(self, complete: bool) -> None:
        text = self.manifest(complete).to_json()
        write_whole(self.request.out / MANIFEST, text.encode())
