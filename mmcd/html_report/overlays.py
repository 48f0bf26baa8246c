"""The overlays that a page offers over a pair of pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from mmcd.html_report.pictures import LABEL_COLOUR, PREDICTION_COLOUR, draw_probability
from mmcd.structures import ChangeClasses
from mmcd.structures.change_classes import UNCHANGED
from mmcd.visualization.panel import LEGEND, WRONG_KIND, Colour


@dataclass(frozen=True)
class Overlay:
    """An overlay that can be switched on and off.

    Args:
        key: the name of its file.
        title: what the switch says.
        swatch: its colour, as a CSS background.
        shown: whether it is on at first.
        legend: texts and CSS colours, where one colour does not say all.
    """

    key: str
    title: str
    swatch: str
    shown: bool = False
    legend: Sequence[tuple[str, str]] = ()


def overlays_of(keys: Iterable[str], classes: ChangeClasses) -> list[Overlay]:
    """The overlays of these names, in the colours of a result's classes."""
    return [_make_overlay(key, classes) for key in keys]


def css(colour: Colour) -> str:
    """A colour as CSS writes it."""
    return 'rgb({} {} {})'.format(*colour)


def _make_overlay(key: str, classes: ChangeClasses) -> Overlay:
    kinds: list[tuple[str, str]] = []
    if not classes.is_binary:
        pairs = zip(classes.names, classes.palette, strict=True)
        kinds = [(name, css(colour)) for name, colour in pairs][UNCHANGED + 1 :]
    if key == 'probability':
        return Overlay(key, 'Probability', _ramp())
    if key == 'errors':
        legend = [(text, css(colour)) for text, colour in LEGEND]
        if kinds:
            legend.append(('another kind of change', css(WRONG_KIND)))
        return Overlay(key, 'Errors', legend[1][1], shown=True, legend=legend)
    colour = LABEL_COLOUR if key == 'label' else PREDICTION_COLOUR
    swatch = css(colour) if not kinds else kinds[0][1]
    return Overlay(key, key.capitalize(), swatch, legend=kinds)


def _ramp() -> str:
    _, colours = draw_probability(np.zeros((1, 1), np.float32))
    stops = ', '.join(css(tuple(colour[:3])) for colour in colours[1::5].tolist())
    return f'linear-gradient(90deg, {stops})'
