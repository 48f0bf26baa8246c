"""What went into a scene's map and what came out, as JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mmcd.io.atomic import cannot_write, write_whole
from mmcd.scene.scene_outputs import SceneOutputs


def describe_inputs(paths: Sequence[str], hashes: Sequence[str | None]) -> dict[str, Any]:
    """Name, size and hash of the two dates' files; of what is no local file, the name only."""
    return {
        date: dict(
            path=path, bytes=os.stat(path).st_size if os.path.isfile(path) else None, sha256=sha256
        )
        for date, path, sha256 in zip(('before', 'after'), paths, hashes, strict=True)
    }


def last_change(paths: Sequence[str]) -> int | None:
    """When the latest of some files was written, in nanoseconds; None where one is no file."""
    if not all(os.path.isfile(path) for path in paths):
        return None
    return max(os.stat(path).st_mtime_ns for path in paths)


class Stopwatch:
    """Seconds that each stage took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what is done within."""
        start = time.perf_counter()
        try:
            yield
        finally:
            passed = time.perf_counter() - start
            self.seconds[name] = round(self.seconds.get(name, 0) + passed, 3)

    @property
    def total(self) -> float:
        """Seconds since the start."""
        return round(time.perf_counter() - self._start, 3)


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report under its name, whole or not at all."""
    write_whole(path, json.dumps(report, indent=2) + '\n')


def read_report(path: Path) -> dict[str, Any] | None:
    """A report that was written, else None."""
    try:
        report = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return report if isinstance(report, dict) else None


def remove_report(outputs: SceneOutputs) -> None:
    """Delete an earlier map's report, and what this says to lie beside that map.

    Beside a map that has just got its name, they would pass for its own until they are replaced,
    and for good where they are not. What another program holds open, on Windows, stays.

    Raises:
        FileWriteError: the report can't be deleted.
    """
    former = read_report(outputs.report) or {}
    settings = former.get('settings', {}) if 'mmcd' in former else {}
    written = {
        outputs.quicklook: bool(settings),
        outputs.zones: settings.get('zones') is not None,
        outputs.stac: settings.get('stac', False),
    }
    try:
        outputs.report.unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(outputs.report, error) from error
    for path, is_written in written.items():
        if is_written:
            with suppress(OSError):
                path.unlink(missing_ok=True)


def in_words(found: dict[str, Any], outputs: Sequence[Path]) -> str:
    """What was found, in one line."""
    area = found['changed_area_m2']
    parts = [f'{found["changed_pixels"]} of {found["valid_pixels"]} pixels changed']
    parts += [] if area is None else [f'{area:,.0f} m²']
    if found['polygons'] is not None:
        parts.append(_polygons_in_words(found))
    return f'{", ".join(parts)}: {", ".join(map(str, outputs))}'


def _polygons_in_words(found: dict[str, Any]) -> str:
    """Their number, and by what their area differs from that of the changed pixels."""
    said = f'{found["polygons"]} polygons'
    small, area = found['left_out'], found.get('polygons_area_m2')
    if not small['polygons']:
        return said
    left_out = f'{small["polygons"]} smaller ones left out (--min-area)'
    if area is None:
        return f'{said} ({left_out})'
    return f'{said} of {area:,.0f} m² ({left_out}, {small["area_m2"]:,.0f} m²)'
