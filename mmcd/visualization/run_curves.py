"""Curves of a training run: losses and metrics over the iterations."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmcd.errors import ConfigError
from mmcd.evaluation.metric_names import HEADLINE, PREFIX, capitalised, metric_name

# Of a work dir: a folder for each start, in the order of time.
LOGS = '*/vis_data/scalars.json'
Curves = dict[str, list[tuple[int, float]]]


def read_curves(work_dir: str | Path) -> Curves:
    """All numbers that the runs in a work dir have logged, by name: (iteration, value) each.

    A run that was stopped and resumed gives one curve: where two starts have logged the same
    iterations, the later one holds.

    Raises:
        ConfigError: there is no such folder, or no log in it.
    """
    work_dir = Path(work_dir)
    logs = sorted(work_dir.glob(LOGS))
    if not logs:
        raise ConfigError(
            f'{work_dir} (from {Path.cwd()}) holds no logs of a training ({LOGS}). Name the work '
            'dir of tools/train.py, such as work_dirs/darnet_levir.'
        )
    found: dict[str, dict[int, float]] = {}
    for log in logs:
        rows = [json.loads(line) for line in log.read_text().splitlines() if line.endswith('}')]
        first = min((row['step'] for row in rows if 'step' in row), default=math.inf)
        for curve in found.values():
            for step in [step for step in curve if step >= first]:
                del curve[step]
        for row in rows:
            step = row.pop('step', None)
            numbers = {key: one for key, one in row.items() if isinstance(one, (int, float))}
            for key, value in numbers.items() if step is not None else ():
                found.setdefault(key, {})[step] = value
    return {key: sorted(curve.items()) for key, curve in found.items() if curve}


def draw_curves(curves: Curves, *, title: str) -> Any:
    """Losses, and the metrics of the validation, one above the other.

    Args:
        curves: see :func:`read_curves`.
        title: above both.

    Returns:
        A figure of Matplotlib.
    """
    from matplotlib.figure import Figure

    losses = {key: curve for key, curve in curves.items() if 'loss' in key}
    metrics = {key: curves[PREFIX + key] for key in HEADLINE if PREFIX + key in curves}
    parts = [part for part in ((losses, 'loss', ''), (metrics, 'validation, %', PREFIX)) if part[0]]
    figure = Figure(figsize=(8, 3.2 * max(len(parts), 1) + 0.4), layout='constrained')
    figure.suptitle(title, parse_math=False)  # a $ in a folder's name is no formula
    for number, (part, label, _) in enumerate(parts, start=1):
        axes = figure.add_subplot(len(parts), 1, number)
        _draw(axes, part)
        axes.set_ylabel(label)
        axes.set_xlabel('iteration')
    return figure


def _draw(axes: Any, curves: Mapping[str, list[tuple[int, float]]]) -> None:
    for key, curve in curves.items():
        steps, values = zip(*curve, strict=True)
        # The sum of the losses stands out among its parts.
        strong = key in ('loss', 'f1')
        name = capitalised(metric_name(key)) if key in HEADLINE else key
        axes.plot(
            steps,
            values,
            label=name,
            linewidth=2 if strong else 1,
            marker='o' if len(curve) < 30 and key in HEADLINE else None,
            markersize=4,
        )
        if key == 'f1':
            best = max(curve, key=lambda point: point[1])
            axes.annotate(
                f'best F1 {best[1]:.1f} at {best[0]:,}',
                best,
                textcoords='offset points',
                xytext=(0, 8),
                ha='right',
            )
    axes.grid(linewidth=0.5, alpha=0.5)
    axes.legend(frameon=False)
    axes.spines[['top', 'right']].set_visible(False)
