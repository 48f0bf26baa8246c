from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from mmcd.html_report.plots import (
    STAND_INS,
    Plot,
    calibration_curve,
    distribution,
    image_by_image,
    objects_by_size,
    precision_recall_curve,
)

PLOTS = [
    precision_recall_curve(
        [0, 50, 100], [100, 90, 10], chosen=(50, 90), threshold=0.4, average_precision=81.2
    ),
    calibration_curve([('all pixels', [0.1, 0.9], [0.2, 0.8])], 'Off by 10 %.'),
    objects_by_size(['small', 'large'], [30.0, 0.0], [1200, 0]),
    distribution([0.0, 40.0, 90.0], 'F1', left_out=2),
    image_by_image([(10, 20), (90, 80)], ('A <1>', 'B & 2')),
]


@pytest.mark.parametrize('plot', PLOTS, ids=lambda plot: plot.key)
def test_a_plot_is_an_element_with_a_name_in_the_colours_of_the_page(plot: Plot) -> None:
    svg = ElementTree.fromstring(re.sub('<svg ', '<svg xmlns:xlink="x" ', plot.svg, count=1))
    assert svg.get('role') == 'img' and svg.get('aria-label') == plot.title
    assert not any(stand_in in plot.svg for stand_in in STAND_INS)
    assert 'var(--series-1)' in plot.svg and 'var(--text)' in plot.svg
    assert 'background' not in plot.svg and '<metadata' not in plot.svg


def test_names_are_no_formulas() -> None:
    plot = image_by_image([(10, 20), (90, 80)], ('run_$1_$2', 'cost: 5 $'))
    assert 'F1 of run_$1_$2, %' in plot.svg and 'F1 of cost: 5 $, %' in plot.svg


def test_plots_of_one_page_share_no_identifier() -> None:
    names = [re.findall(r'\bid="([^"]+)"', plot.svg) for plot in PLOTS]
    flat = [name for each in names for name in each]
    assert len(set(flat)) == len(flat)
    for plot in PLOTS:
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', plot.svg))
        assert used <= set(re.findall(r'\bid="([^"]+)"', plot.svg))


def test_captions_say_what_the_picture_does_not() -> None:
    captions = {plot.key: plot.caption for plot in PLOTS}
    assert 'Average precision 81.2 %' in captions['precision-recall']
    assert '3 images. 2 more hold no change' in captions['distribution']
    assert '40.0 %' in PLOTS[3].svg  # the median
    assert '1,200' in PLOTS[2].svg
