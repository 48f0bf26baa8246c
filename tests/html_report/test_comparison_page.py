from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

from mmcd.html_report.pictures import save_pictures
from tests.html_report.pages import compare
from tests.html_report.results import HEIGHT


def test_figures_differences_and_images_side_by_side(tmp_path: Path) -> None:
    (tmp_path / 'page').mkdir()
    page = compare(tmp_path)
    html = page.read_text()
    assert 'two &lt;2&gt;' in html and 'two <2>' not in html
    assert 'F1 of two &lt;2&gt; is +9.50 from that of one (95 % interval +4.25 to +12.00' in html
    assert 'Not the same protocol: split differs' in html
    assert 'is the better one' in html and 'id="image-by-image"' in html
    rows = re.findall(r'<tr><td>.*?</tr>', html.split('<tbody>')[-1], re.DOTALL)
    assert len(rows) == 7
    numbers = [re.findall(r'data-value="([^"]*)"', row) for row in rows]
    assert numbers[-1] == ['', '', '']  # nothing to find, and nothing found
    for one, two, gain in numbers[:-1]:
        assert abs(float(two) - float(one) - float(gain)) < 2e-3


def test_pictures_of_both_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / 'page').mkdir()
    html = compare(tmp_path).read_text()
    pictures = json.loads(re.search(r'id="pictures">(.*?)</script>', html)[1])
    layers = ['errors-1', 'errors-2', 'label', 'probability-1', 'probability-2']
    assert pictures[2]['layers'] == layers
    folder = tmp_path / 'page' / pictures[2]['folder']
    for number, name in ((1, 'one'), (2, 'two')):
        own = next((tmp_path / name).glob('images/*test_2*/errors.png'))
        assert own.read_bytes() == (folder / f'errors-{number}.png').read_bytes()
    strip = np.asarray(Image.open(folder / 'strip.jpg'))
    assert strip.shape[0] == HEIGHT and strip.shape[1] == 4 * 64 + 3 * 4  # tiles and gaps
    titles = re.findall(r'</span>([^<]+) <kbd>', html)
    assert titles[:2] == ['Errors: one', 'Errors: two &lt;2&gt;']


def test_pictures_of_another_size_are_left_out(tmp_path: Path) -> None:
    """Such as those of the image's halves, which the other method has as one."""

    def halve(folder: Path) -> None:
        (name,) = folder.glob('images/*test_2*')
        half = np.zeros((HEIGHT // 2, 64, 3), np.uint8)
        save_pictures(name, half, half, label=half[..., 0], prediction=half[..., 0])

    (tmp_path / 'page').mkdir()
    html = compare(tmp_path, then=lambda: halve(tmp_path / 'two')).read_text()
    pictures = json.loads(re.search(r'id="pictures">(.*?)</script>', html)[1])
    assert pictures[2] is None and pictures[1]['layers']
    assert not list(tmp_path.glob('page/images/*test_2*/*'))


def test_several_seeds_and_no_pictures(tmp_path: Path) -> None:
    (tmp_path / 'page').mkdir()
    html = compare(tmp_path, pictures=False, seeds=2).read_text()
    assert ' ± ' in html and '<dialog' not in html
    assert 'There are pictures where both results lie in their reports' in html


def test_kinds_of_change_are_named_with_their_colours(tmp_path: Path) -> None:
    (tmp_path / 'page').mkdir()
    meta = dict(classes=['same', 'built', 'razed'], palette=[[0, 0, 0], [1, 2, 3], [4, 5, 6]])
    html = compare(tmp_path, meta=meta).read_text()
    assert 'rgb(4 5 6)' in html and 'razed' in html and 'another kind of change' in html
