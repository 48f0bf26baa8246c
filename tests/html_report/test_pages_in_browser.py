"""The pages as a reader has them: in a browser, from the disk, without a network."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from mmcd.html_report.pictures import AFTER, STRIP
from mmcd.html_report.result_page import picture_path, write_result_page
from mmcd.structures import BINARY_CHANGE
from tests.html_report.pages import compare
from tests.html_report.results import write_result

pytestmark = pytest.mark.slow
SWIPE = 'dialog img-comparison-slider'


@pytest.fixture(scope='module')
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('a report')  # the space is meant
    record = write_result(folder, curves=True)
    return write_result_page(folder, record, classes=BINARY_CHANGE, title='A <b>test</b>')


def violations(page: Any) -> list[str]:
    """What axe finds, of any impact."""
    axe = pytest.importorskip('axe_playwright_python.sync_playwright')
    found = axe.Axe().run(page).response['violations']
    return [f'{one["impact"]} {one["id"]}: {one["nodes"][0]["html"][:200]}' for one in found]


def value(page: Any) -> float:
    return float(page.locator(SWIPE).get_attribute('aria-valuenow'))


def scale(page: Any) -> float:
    script = 'e => new DOMMatrix(getComputedStyle(e).transform).a'
    scales = [each.evaluate(script) for each in page.locator('dialog .canvas').all()]
    assert scales[0] == pytest.approx(scales[1])  # both dates together
    return scales[0]


@pytest.mark.parametrize('dark', [False, True], ids=['light', 'dark'])
@pytest.mark.parametrize('width', [360, 1280])
def test_axe_finds_nothing_and_nothing_overflows(
    report: Path, visit: Any, width: int, dark: bool
) -> None:
    page = visit(report, width=width, dark=dark).page
    assert page.title() == 'A <b>test</b>'  # names are text, never elements
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert violations(page) == []
    page.locator('.card').first.click()
    page.wait_for_selector('dialog[open] img-comparison-slider.rendered')
    assert violations(page) == []
    assert page.locator('dialog').evaluate('e => e.scrollWidth - e.clientWidth') == 0


def test_the_swipe_moves_by_mouse_and_by_keyboard(report: Path, visit: Any) -> None:
    page = visit(report, where='#image-1').page
    swipe = page.locator(SWIPE)
    assert value(page) == 50
    page.keyboard.press('ArrowRight')  # the swipe has the focus
    assert value(page) == 52
    page.keyboard.press('End')
    assert value(page) == 100
    assert '100 % before' in swipe.get_attribute('aria-valuetext')
    box = swipe.bounding_box()
    page.mouse.move(box['x'] + 0.9 * box['width'], box['y'] + 20)
    page.mouse.down()
    page.mouse.move(box['x'] + 0.25 * box['width'], box['y'] + 20)
    page.mouse.up()
    assert value(page) == pytest.approx(25, abs=1)


def test_overlays_are_switched_by_mouse_and_by_keyboard(report: Path, visit: Any) -> None:
    page = visit(report, where='#image-1').page
    label, errors = (page.locator(f'dialog [data-of={name}]') for name in ('label', 'errors'))
    assert label.count() == errors.count() == 2  # over each date
    assert errors.first.is_visible() and not label.first.is_visible()
    page.get_by_label('Label').check()
    assert label.first.is_visible() and label.last.is_visible()
    page.keyboard.press('2')
    page.keyboard.press('1')
    assert not label.first.is_visible() and not errors.first.is_visible()
    assert not page.locator('[data-legend=errors]').is_visible()


def test_zoom_and_pan_move_both_dates_together(report: Path, visit: Any) -> None:
    page = visit(report, where='#image-1').page
    assert scale(page) == 1
    page.keyboard.press('+')
    page.wait_for_timeout(100)
    zoomed = scale(page)
    assert zoomed > 1.3
    box = page.locator(SWIPE).bounding_box()
    at = box['x'] + 0.2 * box['width'], box['y'] + 0.2 * box['height']
    place = 'e => new DOMMatrix(getComputedStyle(e).transform).e'
    canvas = page.locator('dialog .canvas').first
    start = canvas.evaluate(place)
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + 30, at[1] + 10)
    page.mouse.up()
    page.wait_for_timeout(100)
    assert canvas.evaluate(place) == pytest.approx(start + 30, abs=2)
    assert value(page) == 50  # dragging a zoomed picture moves it; only the handle swipes
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    assert scale(page) > zoomed
    page.get_by_role('button', name='Whole picture').click()
    page.wait_for_timeout(100)
    assert scale(page) == 1


def test_images_are_walked_through_and_closed_by_keyboard(report: Path, visit: Any) -> None:
    page = visit(report).page
    first = page.locator('.images tbody a').first
    first.focus()
    page.keyboard.press('Enter')
    assert page.locator('dialog h2').inner_text() == 'test_0'
    page.keyboard.press('n')
    page.wait_for_function('document.querySelector("dialog h2").textContent === "test_1"')
    assert 'test_1' in page.locator('dialog .canvas img').first.get_attribute('src')
    page.keyboard.press('p')
    page.wait_for_function('document.querySelector("dialog h2").textContent === "test_0"')
    assert page.get_by_role('button', name='Previous').is_disabled()
    page.keyboard.press('Escape')
    assert not page.locator('dialog').is_visible()
    assert '#image' not in page.url
    # Back to a link of that image, from where the reader goes on.
    assert page.evaluate('document.activeElement.hash') == '#image-0'


def test_the_table_is_sorted_and_filtered(report: Path, visit: Any) -> None:
    page = visit(report).page
    scores = '[...document.querySelectorAll(".images tbody tr")].map(r => r.cells[2].textContent)'
    button = page.locator('.images thead').get_by_role('button', name='F1')
    button.click()
    *ascending, last = page.evaluate(scores)
    assert ascending == sorted(ascending, key=float) and last == '–'
    assert page.locator('th[aria-sort=ascending]').inner_text().startswith('F1')
    button.press('Enter')
    *descending, last = page.evaluate(scores)
    assert descending == ascending[::-1] and last == '–'
    page.get_by_label('Name contains').fill('TEST_3')
    shown = page.locator('.images tbody tr:visible')
    assert shown.count() == 1 and 'test_3' in shown.inner_text()
    assert page.locator('#filter-count').inner_text() == '1 of 7 images'


def test_colours_can_be_chosen(report: Path, visit: Any) -> None:
    page = visit(report, dark=True).page
    background = 'getComputedStyle(document.body).backgroundColor'
    dark = page.evaluate(background)
    page.get_by_role('button', name='Light colours').click()
    assert page.evaluate(background) != dark
    assert violations(page) == []


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pages = pytest.importorskip('tests.scene.pages', reason="the extra 'geo' is not installed")
    folder = tmp_path_factory.mktemp('scene')
    return pages.map_with_page(folder, pages.write_dates(folder))


@pytest.mark.parametrize(('width', 'dark'), [(360, True), (1280, False)])
def test_a_scene_s_page_is_accessible_and_does_not_overflow(
    scene: Path, visit: Any, width: int, dark: bool
) -> None:
    page = visit(scene, width=width, dark=dark).page
    page.wait_for_selector('#scene img-comparison-slider.rendered')
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert violations(page) == []


@pytest.mark.parametrize(('width', 'dark'), [(360, False), (1280, True)])
def test_a_comparison_is_accessible_and_shows_the_errors_of_both(
    tmp_path: Path, visit: Any, width: int, dark: bool
) -> None:
    (tmp_path / 'page').mkdir()
    page = visit(compare(tmp_path), width=width, dark=dark).page
    assert page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    assert violations(page) == []
    page.locator('.card').first.click()
    page.get_by_label('Errors: two').check()
    shown = page.locator('dialog .overlay:visible')
    kinds = {image.get_attribute('data-of') for image in shown.all()}
    assert kinds == {'errors-1', 'errors-2'}
    assert violations(page) == []


def test_links_centre_the_areas_of_a_scene(scene: Path, visit: Any) -> None:
    page = visit(scene).page
    outlines = page.locator('#scene svg.outlines').last
    assert outlines.is_visible()
    # The second area lies at 110 of 200 columns and 70 of 120 rows.
    page.get_by_role('link', name='Area 2').press('Enter')
    page.wait_for_timeout(200)
    marked = page.locator('#scene path.marked')
    assert marked.count() == 2  # over both dates
    area, frame = marked.last.bounding_box(), page.locator('.stage').bounding_box()
    for side, size in (('x', 'width'), ('y', 'height')):
        middle = area[side] + area[size] / 2 - frame[side]
        assert middle == pytest.approx(frame[size] / 2, abs=3)
    assert area['height'] > frame['height'] / 4  # near enough to see
    page.get_by_label('Outlines').uncheck()
    assert not outlines.is_visible()
    page.get_by_role('button', name='Whole picture').click()


def test_of_many_images_only_those_in_sight_are_loaded(tmp_path: Path, visit: Any) -> None:
    record = write_result(tmp_path, images=1)
    one = record['images'][0]
    written = picture_path(tmp_path, one['before'])
    record['images'] = [dict(one, name=f'i{n}', before=f'A/i{n}.png') for n in range(2000)]
    for image in record['images']:
        folder = picture_path(tmp_path, image['before'])
        folder.mkdir()
        for name in (AFTER, STRIP):
            os.link(written / name, folder / name)
    page = write_result_page(tmp_path, record, classes=BINARY_CHANGE, title='many')
    assert page.stat().st_size < 2_500_000
    seen = visit(page)
    assert seen.page.locator('.images tbody tr').count() == 2000
    strips = [url for url in seen.requests if url.endswith(STRIP)]
    assert len(strips) < 300  # browsers load those of some screens ahead
