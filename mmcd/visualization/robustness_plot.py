"""A figure of what disturbances cost: F1 against the strength, a panel a kind."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS = 4
# What no disturbance is, by kind; 0 of the others.
NEUTRAL = {'gain': 1.0, 'coarser': 1.0, 'JPEG': 100.0}


def draw_robustness(results: Sequence[Mapping[str, Any]], suffix: str) -> bytes:
    """The figure's file.

    Args:
        results: of :func:`mmcd.engine.robustness.measure_robustness`, the undisturbed first.
        suffix: '.png' or '.svg'.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plain, *others = results
    kinds = list(dict.fromkeys(each['kind'] for each in others if each['strength']))
    rows = -(-len(kinds) // COLUMNS)
    figure = Figure(figsize=(3 * COLUMNS, 2.6 * rows), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).ravel()
    for axis, kind in zip(axes, kinds, strict=False):
        own = [each for each in others if each['kind'] == kind]
        points = sorted(
            [(NEUTRAL.get(kind, 0.0), plain), *((each['strength'], each) for each in own)],
            key=lambda point: point[0],
        )
        strengths = [strength for strength, _ in points]
        axis.plot(strengths, [each['f1'] for _, each in points], marker='o', color='#1f5fa8')
        between = [each['f1_interval'] for _, each in points]
        if all(between):
            lows, highs = zip(*between, strict=True)
            axis.fill_between(strengths, lows, highs, alpha=0.2, color='#1f5fa8', linewidth=0)
        axis.axhline(plain['f1'], linestyle=':', color='grey')
        axis.set_title(kind)
        axis.set_xlabel(own[0]['unit'] or 'factor')
        axis.grid(alpha=0.3)
    for axis in axes[len(kinds) :]:
        axis.set_axis_off()
    for row in range(rows):
        axes[row * COLUMNS].set_ylabel('change F1, %')
    axes[0].set_ylim(bottom=0)
    file = io.BytesIO()
    figure.savefig(file, format=suffix.lstrip('.'), dpi=120)
    return file.getvalue()
