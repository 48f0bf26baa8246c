from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.errors import FileWriteError
from mmcd.inference import FunctionPredictor
from mmcd.scene.scene_page import write_scene_page
from mmcd.structures import ImageSpec
from tests.html_report.pages import text_of
from tests.scene.pages import BLOCKS, HEIGHT, WIDTH, bright, map_with_page, write_dates
from tests.scene.rasters import draw_ground, utm, write_raster


def test_the_page_lists_the_largest_areas_and_where_they_are(tmp_path: Path) -> None:
    page = map_with_page(tmp_path, write_dates(tmp_path))
    report = json.loads((tmp_path / 'map.json').read_text())
    text = text_of(page)
    assert report['changed_pixels'] == 1200 + 400 + 16
    assert 'Changed area 404 m² Changed pixels 1,616 Share of the scene 6.73 % Areas 3' in text
    rows = re.findall(r'Area (\d) (\S+) m² (\S+) (\S+) (\S+), (\S+)', text)
    assert [row[1:3] for row in rows] == [('300', '1,200'), ('100', '400'), ('4', '16')]
    assert all(0.5 < float(row[3]) <= 1 for row in rows)  # the mean probability
    assert all(50 < float(row[4]) < 51 and 13 < float(row[5]) < 14 for row in rows)
    boxes = re.findall(r'data-box="([^"]+)"', page.read_text())
    box = np.array(boxes[0].split(), float) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    assert box == pytest.approx([20, 10, 60, 40], abs=0.01)
    paths = re.findall(r'<path data-number="(\d+)" d="([^"]+)"', page.read_text())
    assert paths[0][0] == str(10 * WIDTH + 20) and paths[0][1].count('M') == 1


def test_pictures_are_reduced_and_still_show_small_areas(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(write_scene_page, '__kwdefaults__', {'max_side': 50})
    page = map_with_page(tmp_path, write_dates(tmp_path))
    folder = page.parent / 'images'
    assert cv2.imread(str(folder / 'after.jpg')).shape == (30, 50, 3)
    changes = np.array(Image.open(folder / 'prediction.png').convert('RGBA'))[..., 3]
    for row, column, height, width in BLOCKS:
        assert changes[(row + height // 2) // 4, (column + width // 2) // 4] > 0
    assert changes[2, 40] == 0
    assert 'reduced to 50 × 30 pixels' in text_of(page)


def test_wide_values_are_shown_by_the_image_description(tmp_path: Path) -> None:
    image = ImageSpec(dtype='uint16', display_range=(0, 25_500), value_range=(0, 25_500))
    predictor = FunctionPredictor(lambda tiles: bright(tiles / 100), image=image)
    page = map_with_page(tmp_path, write_dates(tmp_path, scale=100), predictor=predictor)
    after = cv2.imread(str(page.parent / 'images' / 'after.jpg'))
    assert after[25, 40].tolist() == pytest.approx([254] * 3, abs=4)
    before = cv2.imread(str(page.parent / 'images' / 'before.jpg'))
    assert 10 < before.mean() < 110


def test_pixels_without_data_are_grey(tmp_path: Path) -> None:
    before, after = write_dates(tmp_path)
    pixels = draw_ground(HEIGHT, WIDTH)
    pixels[:, :, 150:] = 0
    write_raster(before, pixels, utm(), nodata=0)
    page = map_with_page(tmp_path, [before, after])
    picture = cv2.imread(str(page.parent / 'images' / 'before.jpg'))
    assert picture[50, 180].tolist() == pytest.approx([128] * 3, abs=4)


def test_a_scene_without_change_and_one_that_is_finished_have_pages_too(tmp_path: Path) -> None:
    dates = write_dates(tmp_path)
    page = map_with_page(tmp_path, [dates[0], dates[0]])
    assert 'No change was found.' in text_of(page)
    page.unlink()
    map_with_page(tmp_path, [dates[0], dates[0]], resume=True)
    assert page.is_file()


def test_the_folder_is_made_before_the_scene_is_mapped(tmp_path: Path) -> None:
    (tmp_path / 'page').write_text('in the way')

    def never(tiles: np.ndarray) -> np.ndarray:
        raise AssertionError('predicted')

    with pytest.raises(FileWriteError, match='Cannot make the folder'):
        map_with_page(tmp_path, write_dates(tmp_path), predictor=FunctionPredictor(never))
