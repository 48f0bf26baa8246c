"""The finished strips of a run that is not: a folder beside the map."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mmcd.errors import FileWriteError, SceneError, SceneStoppedError
from mmcd.io.atomic import atomic_path, cannot_write, write_whole
from mmcd.scene.plan import differences
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.structures.change_classes import IGNORED

PLAN = 'plan.json'
NO_DATA = IGNORED  # as pixels without a label
# Probabilities in bytes: 0 .. 254 stand for 0 .. 1.
PROBABILITY_STEPS = 254


@dataclass(frozen=True)
class FinishedRows:
    """What a strip adds to the outputs.

    Args:
        mask: (rows, W) uint8 class indices: 0 unchanged, 255 no data.
        probability: (rows, W), float32 with NaN for no data, or uint8 with 255 for it; None where
            no output needs it.
    """

    mask: np.ndarray
    probability: np.ndarray | None

    @classmethod
    def of(
        cls,
        scores: np.ndarray,
        valid: np.ndarray,
        threshold: float,
        stored_as: str | None,
        classes: ChangeClasses = BINARY_CHANGE,
    ) -> FinishedRows:
        """From the scores of the kinds of change, (K - 1, rows, W) float32, and bool (rows, W).

        ``stored_as``, 'uint8', 'float32' or None, is the type that the probability is kept in.
        """
        mask = classes.decide_kinds(scores, threshold)
        mask[~valid] = NO_DATA
        probability = classes.change_of(scores)
        stored: np.ndarray | None = None
        if stored_as == 'float32':
            stored = np.where(valid, probability, np.float32(np.nan))
        elif stored_as == 'uint8':
            stored = np.round(probability * PROBABILITY_STEPS).astype(np.uint8)
            stored[~valid] = NO_DATA
        return cls(mask, stored)


class PartialRun:
    """The folder ``OUT.parts``: what the run is, and one file for each finished strip.

    A strip's file gets its name when it is complete, so a run may be killed at any time.

    Args:
        out: the map that the run is for.
    """

    def __init__(self, out: Path) -> None:
        self.folder = out.with_name(f'{out.name}.parts')

    def begin(self, plan: dict[str, Any], *, resume: bool) -> int:
        """Make the folder, or take up the one that is there with its plan.

        Args:
            plan: of this run.
            resume: False starts anew.

        Returns:
            The number of strips that were deleted because the run starts anew, or because there
            was no plan by which they could be known.

        Raises:
            SceneError: the strips that are there are of another run.
            SceneStoppedError: strips can't be deleted, or the folder can't be written.
        """
        if resume and (self.folder / PLAN).is_file():
            self._compare(plan)
            return 0
        discarded = len(self.finished())
        self.remove()
        if self.finished():
            raise SceneStoppedError(
                f'Cannot delete the strips of an earlier run in {self.folder}, which would be '
                'taken for those of this one. Is one of them open in another program? Delete the '
                'folder, or name another output.'
            )
        with self._writing():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / PLAN, json.dumps(plan, indent=1) + '\n')
        return discarded

    @property
    def plan(self) -> dict[str, Any]:
        """The plan that the strips are made by."""
        return json.loads((self.folder / PLAN).read_text())

    def finished(self) -> set[int]:
        """The strips that are there."""
        names = (re.fullmatch(r'strip_(\d+)\.npz', path.name) for path in self.folder.glob('*'))
        return {int(name[1]) for name in names if name}

    def sound(self) -> dict[int, tuple[str, str]]:
        """The strips that are there, by number, with their checksums; damaged ones are removed."""
        found = {}
        for index in sorted(self.finished()):
            with suppress(SceneStoppedError):
                found[index] = self.checksums(index)
        return found

    def save(self, index: int, rows: FinishedRows, checksums: tuple[str, str] = ('', '')) -> None:
        """Keep a strip.

        Args:
            index: its number.
            rows: what it adds to the outputs.
            checksums: of the pixels of both dates that it was made from.

        Raises:
            SceneStoppedError: it can't be written; its size and the free space are in the message.
        """
        arrays = {'mask': rows.mask, 'checksums': np.array(checksums)}
        if rows.probability is not None:
            arrays['probability'] = rows.probability
        with (
            self._writing(),
            atomic_path(self._path(index)) as partial,
            partial.open('wb') as file,
        ):
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def load(self, index: int) -> FinishedRows:
        """A strip that was kept.

        Raises:
            SceneStoppedError: its file is damaged; it is deleted, so that a resumed run makes
                it again.
        """
        with self._reading(index) as arrays:
            return FinishedRows(arrays['mask'], arrays.get('probability'))

    def checksums(self, index: int) -> tuple[str, str]:
        """Those that a strip was kept with.

        Raises:
            SceneStoppedError: see :meth:`load`.
        """
        with self._reading(index) as arrays:
            before, after = arrays['checksums'].tolist()
            return before, after

    @contextmanager
    def _reading(self, index: int) -> Iterator[Any]:
        path = self._path(index)
        try:
            with np.load(path) as arrays:
                yield arrays
        except (OSError, ValueError, BadZipFile, EOFError, KeyError) as error:
            path.unlink(missing_ok=True)
            raise SceneStoppedError(
                f'The finished strip {path} is damaged: {error}. It was deleted; the same '
                'command with --resume makes it again.'
            ) from error

    def load_all(self, indexes: Iterable[int]) -> Iterator[FinishedRows]:
        """Strips in order, one at a time."""
        return (self.load(index) for index in indexes)

    def remove(self) -> None:
        """Delete the folder; the plan last, so that no strip is left without one."""
        for index in self.finished():
            with suppress(OSError):
                self._path(index).unlink()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int) -> Path:
        return self.folder / f'strip_{index:06d}.npz'

    def _compare(self, plan: dict[str, Any]) -> None:
        lines = differences(self.plan, plan)
        if lines:
            raise SceneError(
                f'The strips in {self.folder} are of another run, which cannot be resumed with '
                'these images and settings:\n  ' + '\n  '.join(lines) + '\nResume it with its own, '
                'or leave --resume out to start over.'
            )

    def _writing(self) -> _DiskErrors:
        return _DiskErrors(self.folder)


class _DiskErrors:
    """Says what could not be written, and how much space there is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, FileWriteError):
            raise SceneStoppedError(str(error)) from error
        if isinstance(error, OSError):
            raise SceneStoppedError(str(cannot_write(self._folder, error))) from error
