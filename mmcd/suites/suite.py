"""What a suite is: a list of runs, each of a config with a seed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmcd.errors import ConfigError
from mmcd.weights import NAMES

BEST, LAST = 'best', 'last'
SOURCE = re.compile(rf'(?P<row>[^/]+)/(?P<seed>seed\d+)/(?P<checkpoint>{BEST}|{LAST})')


@dataclass(frozen=True)
class SuiteRun:
    """One training and one test of it.

    Args:
        name: of the row that its figures count to; all seeds of a row share it.
        benchmark: the table that the row is in, a key of ``results/published.json``.
        title: of the row, for people.
        config: a config file, or the name of one of mmcd's own.
        seed: of the training.
        options: settings that are merged into the config, by dotted key; a row with any has a name
            of its own.
        checkpoint: what is tested: 'best' on the validation split, or 'last'.
        weights: a checkpoint that is tested as it is, without training: a file, the name of a
            network that comes with mmcd ('buildings'), or that of a run and its checkpoint, such as
            'darnet_sample/seed0/best'.
    """

    name: str
    benchmark: str
    title: str
    config: str
    seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    checkpoint: str = BEST
    weights: str | None = None

    @property
    def is_chosen(self) -> bool:
        """Whether the validation split has what it takes to choose by."""
        return self.weights is None and self.checkpoint == BEST

    @property
    def source(self) -> tuple[str, str, str] | None:
        """Row, folder of the seed and checkpoint where ``weights`` are those of another run."""
        match = SOURCE.fullmatch(self.weights or '')
        return (match['row'], match['seed'], match['checkpoint']) if match else None

    @property
    def label(self) -> str:
        """Its name and seed, which also name its result file."""
        return f'{self.name}_seed{self.seed}'


def read_suite(path: str | Path) -> list[SuiteRun]:
    """Read a suite file: a Python file with ``runs``, a list of dicts.

    Each has ``config``, ``benchmark`` and ``title``, and perhaps ``name`` (by default the
    config's), ``seeds`` (by default [0]), ``options``, ``checkpoint`` and ``weights``, see
    :class:`SuiteRun`.

    Raises:
        ConfigError: there is no such file, or it is no suite.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(
            f'No such suite: {path} (from {Path.cwd()}), such as configs/suites/small.py.'
        )
    try:
        entries = Config.fromfile(str(path))['runs']
        runs = [run for entry in entries for run in _runs_of(dict(entry))]
    except Exception as error:  # whatever the suite's own Python raises
        raise ConfigError(
            f"{path} is no suite: {error}. It states runs = [dict(config='fc_ef_oscd', "
            "benchmark='oscd_13', title='FC-EF', seeds=[0, 1, 2]), ...]."
        ) from error
    labels = [run.label for run in runs]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(
            f'{path} states runs twice: {", ".join(twice)}. Give those with other options a `name`.'
        )
    return runs


def select(
    runs: Sequence[SuiteRun], only: Sequence[str] | None, seeds: Sequence[int] | None
) -> list[SuiteRun]:
    """Those of some rows and seeds; None: all.

    A row that is asked for runs with the seeds that are asked for, also with others than the suite
    states; one that trains nothing keeps its own, as it would come out alike.

    Raises:
        ConfigError: a row is not in the suite.
    """
    names = list(dict.fromkeys(run.name for run in runs))
    unknown = sorted(set(only or ()) - set(names))
    if unknown:
        raise ConfigError(
            f'The suite has no row {", ".join(unknown)}; its rows are {", ".join(names)}.'
        )
    chosen = [run for run in runs if only is None or run.name in only]
    if seeds is None:
        return chosen
    rows = {run.name: run for run in reversed(chosen)}
    return [
        SuiteRun(**{**vars(rows[name]), 'seed': seed})
        for name in names
        if name in rows
        for seed in (seeds if rows[name].weights is None else [rows[name].seed])
    ]


def _runs_of(entry: dict[str, Any]) -> list[SuiteRun]:
    seeds = entry.pop('seeds', [0])
    entry.setdefault('name', Path(entry['config']).stem)
    if entry.get('checkpoint', BEST) not in (BEST, LAST):
        raise ValueError(f"`checkpoint` is 'best' or 'last', not {entry['checkpoint']!r}")
    if not _is_source(entry.get('weights')):
        raise ValueError(
            f'`weights` is a file (with its ending), one of {", ".join(NAMES)}, or ROW/seedN/best '
            f'or ROW/seedN/last, not {entry["weights"]!r}'
        )
    return [SuiteRun(seed=seed, **entry) for seed in seeds]


def _is_source(weights: Any) -> bool:
    if not isinstance(weights, str):
        return weights is None
    return weights in NAMES or bool(Path(weights).suffix or SOURCE.fullmatch(weights))
