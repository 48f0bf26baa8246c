from __future__ import annotations

import numpy as np
import pytest

from mmcd.structures import ChangeClasses
from mmcd.visualization import draw_panel
from mmcd.visualization.panel import (
    BACKGROUND,
    BAR,
    BLACK,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    GAP,
    IGNORED_GREY,
    LEGEND,
    TRUE_POSITIVE,
)


def draw(height: int, width: int, **options) -> np.ndarray:
    """A panel whose maps hold each outcome in one sixth of the rows."""
    rows = np.arange(height) * 6 // height
    label = np.array([0, 0, 1, 1, 255, 255])[rows][:, None].repeat(width, axis=1)
    prediction = np.array([0, 1, 0, 1, 0, 1])[rows][:, None].repeat(width, axis=1)
    before = np.full((height, width, 3), (10, 20, 200), np.uint8)
    after = np.full((height, width, 3), (90, 180, 30), np.uint8)
    return draw_panel(before, after, label, prediction, **options)


def tile(panel: np.ndarray, column: int, height: int, width: int) -> np.ndarray:
    top, left = BAR + GAP, GAP + column * (width + GAP)
    return panel[top : top + height, left : left + width]


@pytest.mark.parametrize(('height', 'width'), [(60, 240), (240, 60), (6, 6)])
def test_each_outcome_has_its_colour(height, width):
    panel = draw(height, width)
    assert panel.dtype == np.uint8
    assert (tile(panel, 0, height, width) == (10, 20, 200)).all()
    assert (tile(panel, 1, height, width) == (90, 180, 30)).all()
    label = [BLACK, BLACK, TRUE_POSITIVE, TRUE_POSITIVE, IGNORED_GREY, IGNORED_GREY]
    errors = [BLACK, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE, IGNORED_GREY, IGNORED_GREY]
    for column, colours in ((2, label), (3, errors)):
        drawn = tile(panel, column, height, width)
        expected = np.array(colours)[np.arange(height) * 6 // height][:, None]
        assert (drawn == expected).all()


def test_the_outcomes_colours_differ():
    assert (
        len({TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, IGNORED_GREY, BACKGROUND, BLACK}) == 6
    )


def test_the_legend_shows_the_three_colours():
    panel = draw(60, 240)
    legend = panel[BAR + 2 * GAP + 60 :]
    for text, colour in LEGEND:
        assert (legend == colour).all(axis=2).sum() >= 14 * 14, text


@pytest.mark.parametrize('size', [(16, 16), (60, 240), (512, 512)])
def test_the_legend_is_whole(size):
    """It ends before the right border: the last columns are background."""
    legend = draw(*size)[BAR + 2 * GAP + size[0] :]
    assert (legend[:, -GAP:] == BACKGROUND).all()


def test_large_images_are_reduced_and_keep_their_shape():
    panel = draw(600, 1200, max_side=300)
    assert panel.shape == (150 + 2 * BAR + 2 * GAP, 4 * 300 + 5 * GAP, 3)
    drawn = tile(panel, 3, 150, 300)
    assert tuple(drawn[37, 150]) == FALSE_POSITIVE  # the middle of the second sixth
    assert tuple(drawn[62, 150]) == FALSE_NEGATIVE


def test_the_title_is_written():
    plain, titled = draw(60, 240), draw(60, 240, title='tile_7.png')
    assert (plain[:BAR] != titled[:BAR]).any()
    assert (plain[BAR:] == titled[BAR:]).all()


def test_inputs_are_left_alone():
    label = np.zeros((8, 8), np.uint8)
    image = np.zeros((8, 8, 3), np.uint8)
    draw_panel(image, image, label, label + 1, title='x')
    assert not label.any() and not image.any()


KINDS = ChangeClasses(('unchanged', 'built', 'razed'), ((0, 0, 0), (200, 90, 0), (0, 90, 200)))


def test_several_kinds_of_change_have_the_colours_of_the_palette():
    maps = np.array([0, 1, 2, 255])[:, None].repeat(4, axis=1)
    image = np.zeros((4, 4, 3), np.uint8)
    panel = draw_panel(image, image, maps, np.full((4, 4), 2), classes=KINDS)
    label = [*KINDS.palette, IGNORED_GREY]
    assert [tuple(row[0]) for row in tile(panel, 2, 4, 4)] == label
    assert [tuple(row[0]) for row in tile(panel, 3, 4, 4)] == [KINDS.palette[2]] * 3 + label[3:]
    legend = panel[BAR + 2 * GAP + 4 :]
    for colour in KINDS.palette:
        assert (legend == colour).all(axis=2).sum() >= 14 * 14


def test_a_long_legend_takes_several_rows():
    classes = ChangeClasses.of_number(20)
    maps = np.zeros((8, 8), np.uint8)
    panel = draw_panel(*[np.zeros((8, 8, 3), np.uint8)] * 2, maps, maps, classes=classes)
    legend = panel[BAR + 2 * GAP + 8 :]
    assert len(legend) > BAR and (legend[:, -GAP:] == BACKGROUND).all()
    for colour in classes.palette:
        assert (legend == colour).all(axis=2).sum() >= 14 * 14
