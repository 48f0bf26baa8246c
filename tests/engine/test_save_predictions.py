from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmcd.engine import SavePredictions, save_predictions
from mmcd.errors import ConfigError
from mmcd.visualization import panel as colours

HEIGHT, WIDTH = 40, 48


@pytest.fixture
def sample(tmp_path: Path) -> SegDataSample:
    """Each of the four outcomes and an ignored stripe, in rows of 8 pixels."""
    label = np.repeat([0, 0, 1, 1, 255], 8)[:, None].repeat(WIDTH, axis=1)
    prediction = np.repeat([0, 1, 0, 1, 1], 8)[:, None].repeat(WIDTH, axis=1)
    for folder, value in (('A', (200, 10, 20)), ('B', (30, 220, 40))):
        (tmp_path / folder).mkdir()
        image = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
        Image.fromarray(image).save(tmp_path / folder / 'tile_7.jpg', quality=95)
    data = SegDataSample(
        metainfo={f'{d}_path': str(tmp_path / f / 'tile_7.jpg') for d, f in DATES.items()}
    )
    data.gt_sem_seg = PixelData(data=torch.from_numpy(label)[None])
    data.pred_sem_seg = PixelData(data=torch.from_numpy(prediction)[None])
    return data


DATES = {'before': 'A', 'after': 'B'}


def save(sample: SegDataSample, mask_dir: Path | None, panel_dir: Path | None = None) -> None:
    hook = SavePredictions(
        mask_dir=str(mask_dir) if mask_dir else None,
        panel_dir=str(panel_dir) if panel_dir else None,
    )
    hook.before_test(None)
    hook.after_test_iter(None, 0, {}, [sample])


def test_masks_are_0_and_255_under_the_before_image_s_name(sample, tmp_path):
    out = tmp_path / 'deep' / 'masks'
    save(sample, out)
    assert [path.name for path in out.iterdir()] == ['tile_7.png']
    mask = np.asarray(Image.open(out / 'tile_7.png'))
    assert mask.dtype == np.uint8 and mask.shape == (HEIGHT, WIDTH)
    assert (mask == 255 * sample.pred_sem_seg.data[0].numpy()).all()


def test_float_predictions_give_the_same_mask(sample, tmp_path):
    sample.pred_sem_seg = PixelData(data=sample.pred_sem_seg.data.float())
    save(sample, tmp_path / 'masks')
    assert set(np.unique(Image.open(tmp_path / 'masks' / 'tile_7.png'))) == {0, 255}


def test_panels_show_images_label_and_errors(sample, tmp_path):
    save(sample, None, tmp_path / 'panels')
    drawn = cv2.imread(str(tmp_path / 'panels' / 'tile_7.png'))
    top = colours.BAR + colours.GAP

    def pixel(column: int, row: int) -> tuple[int, ...]:
        left = colours.GAP + column * (WIDTH + colours.GAP)
        return tuple(int(v) for v in drawn[top + 8 * row + 4, left + WIDTH // 2])

    assert pixel(0, 0) == pytest.approx((20, 10, 200), abs=4)
    assert pixel(1, 0) == pytest.approx((40, 220, 30), abs=4)
    assert [pixel(2, row) for row in range(5)] == [
        *[(0, 0, 0)] * 2, *[(255, 255, 255)] * 2, colours.IGNORED
    ]  # fmt: skip
    assert [pixel(3, row) for row in range(5)] == [
        (0, 0, 0),
        colours.FALSE_POSITIVE,
        colours.FALSE_NEGATIVE,
        colours.TRUE_POSITIVE,
        colours.IGNORED,
    ]


def test_panels_leave_the_orientation_tag_aside(sample, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for folder in DATES.values():
        path = tmp_path / folder / 'tile_7.jpg'
        Image.open(path).save(path, exif=exif)
    assert cv2.imread(sample.before_path).shape == (WIDTH, HEIGHT, 3)
    save(sample, None, tmp_path / 'panels')
    assert (tmp_path / 'panels' / 'tile_7.png').exists()


def test_nothing_asked_for_writes_nothing(sample, tmp_path):
    before = set(tmp_path.rglob('*'))
    save(sample, None)
    assert set(tmp_path.rglob('*')) == before


@pytest.mark.parametrize('fault', [OSError('No space left on device'), None])
def test_a_half_written_file_never_has_the_final_name(sample, tmp_path, monkeypatch, fault):
    seen = []

    def write_half(image: np.ndarray, path: str) -> bool:
        Path(path).write_bytes(b'\x89PNG half')
        seen.append(Path(path).name)
        if fault:
            raise fault
        return False

    monkeypatch.setattr(save_predictions.mmcv, 'imwrite', write_half)
    with pytest.raises(OSError, match=r'No space|Cannot write the image .*tile_7\.png'):
        save(sample, tmp_path / 'masks')
    assert not (tmp_path / 'masks' / 'tile_7.png').exists()
    assert seen and seen[0].startswith('.') and 'tile_7' in seen[0]


def test_an_earlier_mask_is_replaced(sample, tmp_path):
    (tmp_path / 'masks').mkdir()
    (tmp_path / 'masks' / 'tile_7.png').write_bytes(b'old')
    save(sample, tmp_path / 'masks')
    assert Image.open(tmp_path / 'masks' / 'tile_7.png').size == (WIDTH, HEIGHT)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(ConfigError, match=r'Cannot make the folder .*file/masks for predictions'):
        SavePredictions(mask_dir=str(tmp_path / 'file' / 'masks')).before_test(None)
