"""Pairs whose files are named by a table or by a pattern, not by folders of one name each."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mmcd.datasets.pair_index import PairFiles
from mmcd.errors import ConfigError, DatasetError, DatasetNotFoundError, listed

COLUMNS = ('before', 'after', 'label')
OPTIONAL = ('name', 'split', 'label_after')
FIELD = re.compile(r'\{(\w*)\}')
USAGE = (
    'a table (.csv) with the columns before, after and label (and perhaps name, split, '
    'label_after), or three patterns such as "{name}_2016.tif {name}_2018.tif {name}_mask.png"'
)


def find_listed_pairs(pairs: str, root: Path) -> list[PairFiles]:
    """The pairs that a table or patterns name, in the order of their names.

    Args:
        pairs: a table's path, or three patterns, of the before image, the after image and the
            label; a fourth one names the label of the after date, where polygons of both dates'
            footprints are the label. They start from ``root``; what a table names, from its folder.
        root: the data set's folder.

    Raises:
        ConfigError: it is neither.
        DatasetNotFoundError: there is no such table, or files are missing (named, up to 20).
        DatasetError: the table is no CSV, a line lacks a column, two pairs have one name, or
            nothing is found.
    """
    found = _of_table(root / pairs) if pairs.lower().endswith('.csv') else _of_patterns(pairs, root)
    if not found:
        raise DatasetError(f'{pairs} names no pair in {root}.')
    twice = [name for name, count in Counter(pair.name for pair in found).items() if count > 1]
    if twice:
        raise DatasetError(
            f'Two pairs have one name; give each a name of its own (column `name`):\n'
            f'{listed(twice)}'
        )
    missing = [
        f'{role}: {path}'
        for pair in found
        for role, path in pair.by_role().items()
        if not (path.is_file() or path.is_dir())  # a pipe would be waited for
    ]
    if missing:
        raise DatasetNotFoundError(
            f'{len(missing)} file(s) of {len(found)} pairs are missing:\n{listed(missing)}'
        )
    return sorted(found, key=lambda pair: pair.name)


def _of_table(path: Path) -> list[PairFiles]:
    if not path.is_file():
        raise DatasetNotFoundError(f'No such table of pairs: {path} (from {Path.cwd()}).')
    try:
        with path.open(encoding='utf-8-sig', newline='') as file:
            rows = list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(
            f'The table of pairs {path} is no CSV in UTF-8: {error}. It should have the columns '
            f'{", ".join(COLUMNS)}.'
        ) from error
    return [_of_row(row, path, number) for number, row in enumerate(rows, start=2)]


def _of_row(row: Mapping[str | None, str | None], path: Path, number: int) -> PairFiles:
    values = {key.strip(): (value or '').strip() for key, value in row.items() if key}
    if not all(values.get(key) for key in COLUMNS) or values.keys() - {*COLUMNS, *OPTIONAL}:
        raise DatasetError(
            f'{path}, line {number}: expected the columns {", ".join(COLUMNS)} and perhaps '
            f'{", ".join(OPTIONAL)}, but got {values}.'
        )
    before, after, label = (path.parent / values[key] for key in COLUMNS)
    other = values.get('label_after')
    return PairFiles(
        name=values.get('name') or before.stem,
        before=before,
        after=after,
        label=label,
        label_after=path.parent / other if other else None,
        split=values.get('split') or None,
    )


def _of_patterns(pairs: str, root: Path) -> list[PairFiles]:
    patterns = pairs.split()
    if len(patterns) not in (3, 4) or any(set(FIELD.findall(p)) != {'name'} for p in patterns):
        raise ConfigError(f'Pairs are named by {USAGE}; got {pairs!r}.')
    first, *others = patterns
    if not root.is_dir():
        raise DatasetNotFoundError(f'There is no folder {root} (from {Path.cwd()}).')
    above = root
    if Path(first).is_absolute():  # glob takes patterns from a folder on only
        above = Path(Path(first).anchor)
        first = Path(first).relative_to(above).as_posix()
    start, *rest = FIELD.split(first)
    # FIELD.split gives text, field, text, ...; every field is the same name.
    parts = [re.escape(start), '(?P<name>.+)']
    for text, field in zip(rest[1::2], [*rest[2::2], None], strict=True):
        parts += [re.escape(text), *(['(?P=name)'] if field else [])]
    matcher = re.compile(''.join(parts))
    found = []
    for path in sorted(above.glob(FIELD.sub('*', first))):
        match = matcher.fullmatch(path.relative_to(above).as_posix())
        if match:
            name = match['name']
            after, label, *other = (root / each.replace('{name}', name) for each in others)
            found.append(
                PairFiles(
                    name=name.replace('/', '_'),
                    before=path,
                    after=after,
                    label=label,
                    label_after=other[0] if other else None,
                )
            )
    return found
