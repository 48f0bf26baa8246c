from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from mmcd.html_report.result_page import write_result_page
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from tests.html_report.pages import text_of
from tests.html_report.results import write_result


def pictures_of(page: Path) -> list[Any]:
    found = re.search(r'id="pictures">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def cells_of(page: Path, row: int) -> list[str]:
    table = page.read_text().split('<table class="images">')[1]
    html = table.split('<tr>')[row + 2].split('</tr>')[0]
    return [
        unescape(re.sub('<[^>]+>', '', cell)).strip()
        for cell in re.findall('<td.*?</td>', html, re.DOTALL)
    ]


def test_the_page_has_the_figures_of_the_record(tmp_path: Path) -> None:
    record = write_result(tmp_path)
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='darnet <test>')
    text = text_of(page)
    for key, name in (('f1', 'F1'), ('kappa', "Cohen's kappa"), ('oa', 'Overall accuracy')):
        low, high = record['intervals'][key]
        assert f'{name} {record["metrics"][key]:.2f} {low:.2f} to {high:.2f}' in text
    assert '95 % interval' in text and 'bootstrap over 7 images, 999 resamples' in text
    assert 'Threshold 0.5 Threshold origin model' in text and 'Test-time augmentation no' in text
    assert 'darnet <test>' in text and '<test>' not in page.read_text().replace('&lt;test&gt;', '')
    image = record['images'][2]
    counts = image['counts']
    expected = [f'{image[key]:.1f}' for key in ('f1', 'iou', 'precision', 'recall')]
    expected += [f'{counts[key]:,}' for key in ('false_positives', 'false_negatives')]
    assert cells_of(page, 2)[1:-1] == ['test_2', *expected]
    assert cells_of(page, 6)[2:] == ['–'] * 4 + ['0', '0', '0.00 %']


def test_a_file_name_that_is_no_utf_8_is_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    record = write_result(tmp_path)
    record['images'][2]['name'] = 'geb\udce4ude'  # as Linux reads a name in Latin-1
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE)
    assert 'geb?ude' in text_of(page)


def test_curves_are_drawn_where_the_record_holds_them(tmp_path: Path) -> None:
    record = write_result(tmp_path, curves=True, pictures=False)
    record['metrics'].update(
        average_precision=71.25, calibration_error=1.25, calibration_error_change=20.0
    )
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE)
    names = ['precision-recall', 'calibration', 'objects', 'distribution']
    assert re.findall(r'<figure id="([\w-]+)"', page.read_text()) == names
    text = text_of(page)
    assert 'Average precision 71.2 %' in text
    assert '1.2 % over all pixels' in text and '20.0 % over pixels changed in' in text
    svg = ''.join(re.findall('<svg.*?</svg>', page.read_text(), re.DOTALL))
    for label in ('threshold 0.5', '50 %', '1–63', '≥ 64', '1,234'):
        assert label in svg
    empty = write_result_page(tmp_path, record | dict(curves={}), classes=BINARY_CHANGE)
    assert re.findall(r'<figure id="([\w-]+)"', empty.read_text()) == names[3:]


def test_each_image_leads_to_its_own_pictures(tmp_path: Path) -> None:
    record = write_result(tmp_path)
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='t')
    pictures = pictures_of(page)
    assert [one['name'] for one in pictures] == [image['name'] for image in record['images']]
    for one in pictures:
        assert (one['width'], one['height']) == (64, 48)
        assert one['layers'] == ['errors', 'label', 'prediction', 'probability']
        assert all((tmp_path / one['folder'] / f'{layer}.png').is_file() for layer in one['layers'])
    # Nothing but the page and its pictures is asked for.
    sources = set(re.findall(r'(?:src|href)="([^"#]+)"', page.read_text().split('<script>')[0]))
    assert all(source.startswith(('images/', 'data:')) for source in sources)


def test_the_worst_median_and_best_images_are_three_groups(tmp_path: Path) -> None:
    record = write_result(tmp_path)  # each image is better than the one before
    html = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='t').read_text()
    part = html.split('id="examples"')[1].split('id="images"')[0]
    groups = [re.findall(r'#image-(\d+)', group) for group in part.split('<h3>')[1:]]
    scores = {str(n): image['f1'] for n, image in enumerate(record['images'])}
    ranked = sorted(list(scores)[:-1], key=scores.__getitem__)  # the last has nothing to find
    assert groups == [ranked[:2], ranked[2:4], ranked[4:][::-1]]


@pytest.mark.parametrize('images', [1, 2, 3, 4, 5, 8, 10])
def test_few_images_are_shown_once_each(tmp_path: Path, images: int) -> None:
    record = write_result(tmp_path, images=images)
    html = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='t').read_text()
    part = html.split('id="images"')[0]
    shown = re.findall(r'class="card" href="#image-(\d+)"', part)
    assert len(shown) == len(set(shown)) == images - 1
    groups = re.findall(r'<h3>(\w+)', part.partition('id="examples"')[2])
    assert (
        groups
        == [[], ['Worst'], ['Worst', 'Best'], ['Worst', 'Median', 'Best']][min(images - 1, 3)]
    )


def test_without_pictures_the_figures_are_there_all_the_same(tmp_path: Path) -> None:
    record = write_result(tmp_path, pictures=False)
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='t')
    assert '<dialog' not in page.read_text() and 'Worst' not in text_of(page)
    assert 'test_3' in text_of(page)


def test_kinds_of_change_are_named_with_their_colours(tmp_path: Path) -> None:
    classes = ChangeClasses(('same', 'built <1>', 'razed'), ((0, 0, 0), (1, 2, 3), (4, 5, 6)))
    record = write_result(tmp_path, classes=classes)
    record['metrics'].update({'f1_built <1>': 50.0, 'miou': 33.0})
    html = write_result_page(tmp_path, record, classes=classes, title='t').read_text()
    assert 'rgb(4 5 6)' in html and 'another kind of change' in html
    assert 'F1 of built &lt;1&gt;' in html and 'IoU, mean of the classes' in html
