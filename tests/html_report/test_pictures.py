from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.html_report.pictures import (
    AFTER,
    BEFORE,
    LABEL_COLOUR,
    STRIP,
    draw_areas,
    draw_errors,
    draw_probability,
    encode_overlay,
    find_pictures,
    picture_folder,
    save_pictures,
)
from mmcd.structures import BINARY_CHANGE, ChangeClasses
from mmcd.visualization.panel import FALSE_NEGATIVE, FALSE_POSITIVE, TRUE_POSITIVE, WRONG_KIND

LAYERS = ('errors', 'label', 'prediction', 'probability')


def pair(height: int = 30, width: int = 40) -> dict[str, np.ndarray]:
    label = np.zeros((height, width), np.uint8)
    label[5:15, 5:15] = 1
    label[0] = 255
    return dict(
        before=np.full((height, width, 3), (200, 100, 50), np.uint8),
        after=np.full((height, width, 3), (20, 40, 60), np.uint8),
        label=label,
        prediction=np.roll(label * (label == 1), 5, axis=1),
        probability=np.linspace(0, 1, height * width, dtype=np.float32).reshape(height, width),
    )


def colours_of(path: Path) -> np.ndarray:
    return np.array(Image.open(path).convert('RGBA'))


def test_both_dates_and_every_overlay_are_written(tmp_path: Path) -> None:
    save_pictures(tmp_path / 'images' / 'one', **pair())
    folder = tmp_path / 'images' / 'one'
    for name, colour in ((BEFORE, (200, 100, 50)), (AFTER, (20, 40, 60))):
        pixel = cv2.imread(str(folder / name))[20, 20, ::-1]
        assert pixel.tolist() == pytest.approx(colour, abs=4)  # JPEG; RGB, not BGR
    found = find_pictures(tmp_path, 'images/one', LAYERS)
    assert found is not None
    assert (found.height, found.width, found.layers) == (30, 40, LAYERS)
    errors = colours_of(folder / 'errors.png')
    assert tuple(errors[10, 12, :3]) == TRUE_POSITIVE
    assert tuple(errors[10, 18, :3]) == FALSE_POSITIVE
    assert tuple(errors[10, 6, :3]) == FALSE_NEGATIVE
    assert errors[20, 30, 3] == 0 and 0 < errors[10, 6, 3] < 255
    strip = cv2.imread(str(folder / STRIP))
    assert strip.shape[0] == 30 and strip.shape[1] > 3 * 40


def test_large_pictures_are_reduced_with_their_overlays(tmp_path: Path) -> None:
    save_pictures(tmp_path / 'one', **pair(300, 400), max_side=100)
    found = find_pictures(tmp_path, 'one', LAYERS)
    assert found is not None and (found.height, found.width) == (75, 100)
    assert colours_of(tmp_path / 'one' / 'label.png').shape[:2] == (75, 100)


def test_masks_alone_can_be_shown_and_nothing_can_not(tmp_path: Path) -> None:
    masks = {key: pair()[key] for key in ('label', 'prediction')}
    save_pictures(tmp_path / 'one', None, None, **masks)
    found = find_pictures(tmp_path, 'one', LAYERS)
    assert found is not None and found.layers == ('errors', 'label', 'prediction')
    assert find_pictures(tmp_path, 'other', LAYERS) is None
    with pytest.raises(ValueError, match='none were given'):
        save_pictures(tmp_path / 'two', None, None)


def test_areas_are_filled_lightly_within_strong_outlines() -> None:
    label = pair()['label']
    codes, colours = draw_areas(label, BINARY_CHANGE, LABEL_COLOUR)
    alpha = colours[codes][..., 3]
    assert alpha[5, 10] == alpha[14, 10] == alpha[10, 5] == alpha[10, 14] == 255
    assert 0 < alpha[10, 10] < 128
    assert alpha[20, 20] == alpha[0, 20] == 0  # unchanged, ignored
    assert tuple(colours[codes][10, 10, :3]) == LABEL_COLOUR


def test_kinds_of_change_have_their_own_colours_and_touching_ones_an_outline() -> None:
    classes = ChangeClasses.of_number(4)
    label = np.zeros((20, 20), np.uint8)
    label[5:15, 3:10], label[5:15, 10:17] = 1, 3
    codes, colours = draw_areas(label, classes, LABEL_COLOUR)
    drawn = colours[codes]
    assert tuple(drawn[10, 6, :3]) == classes.palette[1]
    assert tuple(drawn[10, 13, :3]) == classes.palette[3]
    assert drawn[10, 9, 3] == drawn[10, 10, 3] == 255  # where they meet
    other, colours = draw_errors(label, np.where(label == 3, 1, label).astype(np.uint8))
    assert tuple(colours[other][10, 13, :3]) == WRONG_KIND
    assert tuple(colours[other][10, 6, :3]) == TRUE_POSITIVE


def test_probability_is_the_more_opaque_the_higher() -> None:
    probability = np.array([[0, 0.2, 0.6, 1, np.nan]], np.float32)
    codes, colours = draw_probability(probability)
    alpha = colours[codes][0, :, 3]
    assert alpha[0] == alpha[4] == 0 and 0 < alpha[1] < alpha[2] < alpha[3]


def test_overlays_are_small_files() -> None:
    codes, colours = draw_errors(
        *(np.kron(pair()[key], np.ones((20, 20), np.uint8)) for key in ('label', 'prediction'))
    )
    assert len(encode_overlay(codes, colours)) < 5000


def test_a_folder_is_named_by_its_image_and_names_keep_apart() -> None:
    assert picture_folder('test_1.png') == 'test_1.png'
    names = ['a/b', 'a_b', 'a b', '../a', 'a?b', 'ä', 'x' * 300, '.']
    folders = [picture_folder(name) for name in names]
    assert len(set(folders)) == len(names)
    assert all(len(folder) < 100 and '/' not in folder for folder in folders)
    assert all(folder[0] not in '.-' for folder in folders)


def test_pictures_of_an_earlier_page_do_not_stay(tmp_path: Path) -> None:
    grey = np.full((8, 8, 3), 90, np.uint8)
    mask = np.zeros((8, 8), np.uint8)
    save_pictures(tmp_path, grey, grey, label=mask, prediction=mask, probability=mask * 0.5)
    (tmp_path / 'errors-2.png').touch()
    (tmp_path / 'mine.png').touch()
    save_pictures(tmp_path, grey, grey, prediction=mask)
    assert {path.name for path in tmp_path.iterdir()} == {
        *('after.jpg', 'before.jpg', 'strip.jpg', 'prediction.png', 'mine.png')
    }
