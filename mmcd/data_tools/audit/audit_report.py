"""The outcome of an audit, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mmcd.data_tools.audit.findings import CHECKS, ERROR, WARNING, Finding
from mmcd.data_tools.audit.statistics import SplitStatistics, describe_values
from mmcd.structures import RGB_8BIT
from mmcd.structures.image_spec import FULL_SCALE

MOST_LISTED = 10  # findings of one check in the table; JSON has all
DIGITS = 6  # of printed means and deviations


@dataclass(frozen=True)
class AuditReport:
    """What was found.

    Args:
        splits: figures of each split.
        findings: all that was found, in order of the checks.
    """

    splits: Sequence[SplitStatistics]
    findings: Sequence[Finding]

    def count(self, severity: str) -> int:
        """The number of findings of a severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def as_text(self) -> str:
        """The table, the findings, and what to paste into a config."""
        parts = self._table(), self._class_shares(), [''], self._listed_findings()
        return '\n'.join([line for part in (*parts, self._normalisation()) for line in part])

    def as_dict(self) -> dict[str, object]:
        """All of it, of types that JSON knows."""
        return {
            'errors': self.count(ERROR),
            'warnings': self.count(WARNING),
            'splits': {split.name: _split_as_dict(split) for split in self.splits},
            'findings': [
                {
                    'check': finding.check,
                    'severity': finding.severity,
                    'split': finding.split,
                    'files': list(finding.files),
                    'text': finding.text,
                }
                for finding in self.findings
            ],
        }

    def _table(self) -> Iterator[str]:
        head = ('split', 'pairs', 'height x width', 'changed', 'without change', 'shift', 'labels')
        rows = [head, *(_row(split) for split in self.splits)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            yield '  '.join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()

    def _class_shares(self) -> Iterator[str]:
        for split in self.splits:
            if split.readable and not split.classes.is_binary:
                shares = zip(split.classes.names, split.class_shares, strict=True)
                listed = ', '.join(f'{name} {share:.2%}' for name, share in shares)
                yield f'{split.name}: {listed}'

    def _listed_findings(self) -> Iterator[str]:
        for check, (severity, meaning) in CHECKS.items():
            found = [finding for finding in self.findings if finding.check == check]
            if not found:
                continue
            yield f'{severity}: {check} ({len(found)}): {meaning}'
            for finding in found[:MOST_LISTED]:
                where = ' = '.join(finding.files) or finding.split
                yield f'  {where}: {finding.text}'
            if len(found) > MOST_LISTED:
                yield f'  ... and {len(found) - MOST_LISTED} more (--json FILE lists all)'
        errors, warnings = self.count(ERROR), self.count(WARNING)
        yield f'{errors} error(s), {warnings} warning(s)'

    def _normalisation(self) -> Iterator[str]:
        first = self.splits[0] if self.splits else None
        if first is None or first.moments is None:
            return
        if first.image is not None and first.image.standardize:
            yield (
                'Each date is standardised as it is read (`standardize` of the image description): '
                'the config has no mean and std for the data preprocessor.'
            )
            return
        mean, deviation = _rounded(first.moments.mean), _rounded(first.moments.deviation)
        yield f'{_describe_values(first)}, for the config:'
        yield f'  model = dict(data_preprocessor=dict(mean={mean}, std={deviation}))'


def _row(split: SplitStatistics) -> tuple[str, ...]:
    shapes = split.shapes.most_common(1)
    shape = '-' if not shapes else '{}x{}'.format(*shapes[0][0])
    if len(split.shapes) > 1:
        shape += f' and {len(split.shapes) - 1} more'
    shift = f'{np.median(split.shifts):.1f} px' if split.shifts else '-'
    bare = len(split.without_change)
    return (
        split.name,
        f'{split.pairs:,}',
        shape,
        f'{split.share:.2%}' if split.readable else '-',
        f'{bare:,} ({bare / split.readable:.0%})' if split.readable else '-',
        shift,
        describe_values(split.label_counts),
    )


def _describe_values(split: SplitStatistics) -> str:
    """What the mean and the deviation are of."""
    spec = split.image
    if spec is None:
        bands, dtype = split.kinds.most_common(1)[0][0]
        plain = (bands, dtype) == (RGB_8BIT.num_bands, RGB_8BIT.dtype)
        order = (
            ', red first' if plain else ' in the order of the files, which the config must state'
        )
        return f'Bands of {split.name}{order}'
    text = f'Bands of {split.name} ({", ".join(spec.bands)})'
    if spec.value_range is None:
        return text
    low, high = spec.value_range
    return f'{text}, scaled from {low:g}..{high:g} to 0..{FULL_SCALE:g} as the model does'


def _split_as_dict(split: SplitStatistics) -> dict[str, object]:
    moments = split.moments
    values = np.flatnonzero(split.label_counts)
    return {
        'pairs': split.pairs,
        'sizes': [[*shape, count] for shape, count in split.shapes.most_common()],
        'bands': [[*kind, count] for kind, count in split.kinds.most_common()],
        'changed_share': split.share,
        'class_shares': dict(zip(split.classes.names, split.class_shares.tolist(), strict=True)),
        'without_change': sorted(split.without_change),
        'label_values': {int(value): int(split.label_counts[value]) for value in values},
        'median_shift': float(np.median(split.shifts)) if split.shifts else None,
        'mean': None if moments is None else _rounded(moments.mean),
        'std': None if moments is None else _rounded(moments.deviation),
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f'{value:.{DIGITS}g}') for value in values]
