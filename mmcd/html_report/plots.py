"""Plots as inline SVG, whose colours follow the page's, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Matplotlib writes colours as numbers. These stand for the page's own, which CSS knows by name.
STAND_INS = {
    '#010101': 'var(--text)',
    '#020202': 'var(--muted)',
    '#030303': 'var(--line)',
    '#040404': 'var(--series-1)',
    '#050505': 'var(--series-2)',
}
TEXT, MUTED, LINE, FIRST, SECOND = STAND_INS
SIZE = (5.2, 3.7)  # inches, of 72 CSS pixels each
STYLE: Any = {
    'font.size': 10,
    'text.parse_math': False,  # a $ in a method's name is no formula
    'svg.fonttype': 'none',  # text stays text: it can be read out, searched and copied
    'svg.hashsalt': 'mmcd',  # the same data give the same file
    'text.color': TEXT,
    'axes.labelcolor': TEXT,
    'axes.edgecolor': MUTED,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'xtick.color': MUTED,
    'ytick.color': MUTED,
    'xtick.labelcolor': TEXT,
    'ytick.labelcolor': TEXT,
    'grid.color': LINE,
    'legend.frameon': False,
}


@dataclass(frozen=True)
class Plot:
    """A plot in the page.

    Args:
        key: unique in the page.
        title: its heading.
        svg: an ``svg`` element.
        caption: what a reader should know of it.
    """

    key: str
    title: str
    svg: str
    caption: str


def draw(key: str, title: str, caption: str, paint: Callable[[Axes], None]) -> Plot:
    """Draw a plot.

    Args:
        key: unique in the page.
        title: its heading, which also names the picture to those who do not see it.
        caption: what a reader should know of it.
        paint: draws into the axes.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(STYLE):
        figure = Figure(figsize=SIZE, layout='constrained')
        paint(figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format='svg', metadata={'Date': None}, transparent=True)
    return Plot(key, title, _inline(file.getvalue(), key, title), caption)


def precision_recall_curve(
    recall: Sequence[float],
    precision: Sequence[float],
    *,
    chosen: tuple[float, float] | None,
    threshold: float | None,
    average_precision: float | None,
) -> Plot:
    """Precision against recall over all thresholds, all in percent.

    Args:
        recall: at each threshold.
        precision: at each threshold.
        chosen: recall and precision at the threshold of the result.
        threshold: of the result.
        average_precision: the area under the curve.
    """

    def paint(axes: Axes) -> None:
        _draw_equal_f1(axes)
        axes.plot(recall, precision, color=FIRST, linewidth=2)
        if chosen is not None:
            text = '' if threshold is None else f'threshold {threshold:.3g}'
            axes.plot(*chosen, 'o', color=SECOND, markersize=8, label=text)
            if text:
                axes.legend(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0)
        _percent_axes(axes, 'recall, %', 'precision, %')

    caption = 'All thresholds; faint lines join points of equal F1.'
    if average_precision is not None:
        caption = f'Average precision {average_precision:.1f} %. {caption}'
    return draw('precision-recall', 'Precision and recall', caption, paint)


def calibration_curve(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float]]], caption: str
) -> Plot:
    """Observed share of change against the predicted probability, both from 0 to 1.

    Args:
        curves: name, mean predicted probability and observed share of each bin.
        caption: with the calibration errors.
    """

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle='--')
        for (name, predicted, observed), colour, marker in zip(
            curves, (FIRST, SECOND), 'os', strict=False
        ):
            axes.plot(predicted, observed, marker=marker, markersize=5, color=colour, label=name)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel='predicted probability', ylabel='changed share')
        axes.grid(linewidth=0.6)
        axes.legend(loc='upper left')

    return draw('calibration', 'Calibration', caption, paint)


def objects_by_size(names: Sequence[str], recall: Sequence[float], count: Sequence[int]) -> Plot:
    """Share of objects found, by their size.

    Args:
        names: of the sizes.
        recall: of each, in percent.
        count: of objects in the label, of each.
    """

    def paint(axes: Axes) -> None:
        bars = axes.bar(names, recall, color=FIRST, width=0.65)
        texts = [
            f'{each:.0f} %' if number else '–' for each, number in zip(recall, count, strict=True)
        ]
        axes.bar_label(bars, texts, color=TEXT, padding=2)
        ticks = [f'{name}\n{number:,}' for name, number in zip(names, count, strict=True)]
        axes.set_xticks(range(len(names)), ticks)
        axes.set(ylim=(0, 108), ylabel='found, %')
        axes.grid(axis='y', linewidth=0.6)
        axes.set_axisbelow(True)

    caption = 'Objects of the label by their size in pixels; below each size, how many there are.'
    return draw('objects', 'Objects by size', caption, paint)


def distribution(values: Sequence[float], name: str, left_out: int) -> Plot:
    """How a score is distributed over the images.

    Args:
        values: of each image, in percent.
        name: of the score.
        left_out: images without a score.
    """
    from matplotlib.ticker import MaxNLocator

    middle = float(np.median(values))

    def paint(axes: Axes) -> None:
        axes.hist(values, bins=list(range(0, 101, 5)), color=FIRST, rwidth=0.92)
        axes.axvline(middle, color=SECOND, linewidth=2, label=f'median {middle:.1f} %')
        axes.set(xlim=(0, 100), xlabel=f'{name} of an image, %', ylabel='images')
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis='y', linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend(loc='lower left', bbox_to_anchor=(0, 1), borderaxespad=0)

    caption = f'{len(values):,} images.'
    if left_out:
        caption += f' {left_out:,} more hold no change and none was found there.'
    return draw('distribution', f'{name} over the images', caption, paint)


def image_by_image(values: Sequence[tuple[float, float]], names: tuple[str, str]) -> Plot:
    """A score of two results, a dot for each image.

    Args:
        values: of the first and the second result, in percent.
        names: of the results.
    """

    def paint(axes: Axes) -> None:
        axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle='--')
        axes.plot(*np.transpose(values), 'o', color=FIRST, markersize=5, alpha=0.6)
        _percent_axes(axes, f'F1 of {names[0]}, %', f'F1 of {names[1]}, %')

    caption = f'Above the dashed line, {names[1]} is the better one.'
    return draw('image-by-image', 'Image by image', caption, paint)


def _draw_equal_f1(axes: Axes) -> None:
    for score in (0.2, 0.4, 0.6, 0.8):
        recall = np.linspace(score / (2 - score), 1, 60)
        precision = score * recall / (2 * recall - score)
        axes.plot(100 * recall, 100 * precision, color=LINE, linewidth=1)
        axes.text(
            101, 100 * precision[-1], f'F1 {100 * score:.0f}', color=MUTED, va='center', size=8
        )


def _percent_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(0, 100), ylim=(0, 102), xlabel=x, ylabel=y)
    axes.grid(linewidth=0.6)
    axes.set_axisbelow(True)


def _inline(svg: str, key: str, title: str) -> str:
    """An SVG file as an element of a page that holds several of them."""
    svg = svg[svg.index('<svg') :]
    svg = re.sub(r'<metadata>.*?</metadata>', '', svg, flags=re.DOTALL)
    for stand_in, name in STAND_INS.items():
        svg = svg.replace(stand_in, name)
    # Matplotlib numbers its elements from 1 in each file.
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf'\g<1>{key}-', svg)
    options: dict[str, Any] = dict(count=1, flags=re.DOTALL)
    box = re.search(r'viewBox="[^"]*"', svg)
    head = f'<svg {box[0] if box else ""} role="img" aria-label="{title}" class="plot">'
    return re.sub(r'<svg[^>]*>', head, svg, **options)
