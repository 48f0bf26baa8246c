"""Lists of scenes: CSV files with a header, or JSON lines."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmcd.errors import SceneError
from mmcd.scene.scene_outputs import SceneOutputs, by_file

REQUIRED = ('before', 'after', 'out')
OPTIONAL = ('probability', 'vectors')


@dataclass(frozen=True)
class ScenePair:
    """A scene of a list.

    Args:
        before: the first date.
        after: the second date.
        outputs: what is written.
    """

    before: str
    after: str
    outputs: SceneOutputs


def read_pair_list(path: str | Path) -> list[ScenePair]:
    """Read the scenes of a list.

    Each line names ``before``, ``after`` and ``out``, and may name ``probability`` and
    ``vectors``. Relative paths start from the list's folder.

    Raises:
        SceneError: the list can't be read, lacks a name, or a scene would overwrite what another
            one reads or writes, or the list.
    """
    path = Path(path)
    if not path.is_file():
        raise SceneError(f'No such list of scenes: {path} (from {Path.cwd()}).')
    try:
        text = path.read_text(encoding='utf-8-sig')
        if path.suffix.lower() == '.csv':
            rows: Iterable[Any] = list(csv.DictReader(text.splitlines()))
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, csv.Error) as error:
        raise SceneError(
            f'{path} is neither CSV (.csv, with a header) nor JSON lines, in UTF-8: {error}'
        ) from error
    pairs = [_pair(row, path, number) for number, row in enumerate(rows, start=1)]
    if not pairs:
        raise SceneError(f'{path} lists no scene.')
    _check_names(pairs, path)
    return pairs


def _pair(row: Any, path: Path, number: int) -> ScenePair:
    known = {*REQUIRED, *OPTIONAL}
    if not isinstance(row, dict) or not all(row.get(key) for key in REQUIRED) or row.keys() - known:
        raise SceneError(
            f'{path}, scene {number}: expected {", ".join(REQUIRED)} and perhaps '
            f'{", ".join(OPTIONAL)}, but got {row}.'
        )
    # Joining leaves absolute paths, and addresses such as /vsicurl/..., as they are; of s3://... it
    # would make a path.
    full = {
        key: value if '://' in value else str(path.parent / value)
        for key, value in row.items()
        if value
    }
    outputs = SceneOutputs.named(full['out'], *(full.get(key) for key in OPTIONAL))
    return ScenePair(full['before'], full['after'], outputs)


def _check_names(pairs: list[ScenePair], path: Path) -> None:
    inputs = by_file([path, *(date for pair in pairs for date in (pair.before, pair.after))])
    seen: set[str] = set()
    for pair in pairs:
        pair.outputs.check_apart(inputs)
        written = pair.outputs.by_file()
        both = seen & written.keys()
        if both:
            raise SceneError(f'{path}: two scenes have the output {written[min(both)]}.')
        seen.update(written)
