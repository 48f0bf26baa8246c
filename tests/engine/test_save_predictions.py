from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import ConcatDataset
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmcd.datasets import LEVIRCDDataset, SyntheticPairDataset
from mmcd.engine import SavePredictionsHook
from mmcd.errors import ConfigError, FileWriteError
from mmcd.visualization import panel as colours
from tests.tiff_files import write_tiff
from tests.tiny_pairs import write_tiny_pairs

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


KINDS = ('masks', 'panels')
DATES = {'before': 'A', 'after': 'B'}


def runner_of(**meta) -> SimpleNamespace:
    """What the hook looks at: the test data set's METAINFO."""
    dataset = SimpleNamespace(metainfo=meta)
    return SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset))


def save(
    sample: SegDataSample, mask_dir: Path | None, panel_dir: Path | None = None, **meta
) -> None:
    hook = SavePredictionsHook(
        mask_dir=str(mask_dir) if mask_dir else None,
        panel_dir=str(panel_dir) if panel_dir else None,
    )
    hook.before_test(runner_of(**meta))
    hook.after_test_iter(None, 0, {}, [sample])


def test_masks_are_0_and_255_under_the_pair_s_name(sample, tmp_path):
    out = tmp_path / 'deep' / 'masks'
    save(sample, out)
    assert [path.name for path in out.iterdir()] == ['tile_7.png']
    mask = np.asarray(Image.open(out / 'tile_7.png'))
    assert mask.dtype == np.uint8 and mask.shape == (HEIGHT, WIDTH)
    assert (mask == 255 * sample.pred_sem_seg.data[0].numpy()).all()


def test_pairs_whose_files_share_a_name_keep_their_masks(sample, tmp_path):
    """As scenes in folders of their own, such as OSCD's cities and SZTAKI's pairs."""
    for name in ('beirut', 'Szada/1'):
        sample.set_metainfo(dict(pair_name=name))
        save(sample, tmp_path / 'masks')
    assert sorted(path.name for path in (tmp_path / 'masks').iterdir()) == [
        'Szada_1.png', 'beirut.png',
    ]  # fmt: skip


def test_float_predictions_give_the_same_mask(sample, tmp_path):
    sample.pred_sem_seg = PixelData(data=sample.pred_sem_seg.data.float())
    save(sample, tmp_path / 'masks')
    assert set(np.unique(Image.open(tmp_path / 'masks' / 'tile_7.png'))) == {0, 255}


def test_panels_show_images_label_and_errors(sample, tmp_path):
    save(sample, None, tmp_path / 'panels')
    drawn = np.asarray(Image.open(tmp_path / 'panels' / 'tile_7.png'))
    top = colours.BAR + colours.GAP

    def pixel(column: int, row: int) -> tuple[int, ...]:
        left = colours.GAP + column * (WIDTH + colours.GAP)
        return tuple(int(v) for v in drawn[top + 8 * row + 4, left + WIDTH // 2])

    assert pixel(0, 0) == pytest.approx((200, 10, 20), abs=4)
    assert pixel(1, 0) == pytest.approx((30, 220, 40), abs=4)
    assert [pixel(2, row) for row in range(5)] == [
        *[(0, 0, 0)] * 2, *[(255, 255, 255)] * 2, colours.IGNORED_GREY
    ]  # fmt: skip
    assert [pixel(3, row) for row in range(5)] == [
        (0, 0, 0),
        colours.FALSE_POSITIVE,
        colours.FALSE_NEGATIVE,
        colours.TRUE_POSITIVE,
        colours.IGNORED_GREY,
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


@pytest.mark.parametrize('folder', ['masks', 'panels'])
def test_a_half_written_file_never_has_the_final_name(sample, tmp_path, monkeypatch, folder):
    def write_half(path: Path, content: bytes) -> int:
        with path.open('wb') as file:
            file.write(content[:8])
        raise OSError('No space left on device')

    monkeypatch.setattr(Path, 'write_bytes', write_half)
    with pytest.raises(OSError, match='No space'):
        save(sample, *((tmp_path / name if name == folder else None) for name in KINDS))
    assert not list((tmp_path / folder).iterdir())


def test_an_earlier_mask_is_replaced(sample, tmp_path):
    (tmp_path / 'masks').mkdir()
    (tmp_path / 'masks' / 'tile_7.png').write_bytes(b'old')
    save(sample, tmp_path / 'masks')
    assert Image.open(tmp_path / 'masks' / 'tile_7.png').size == (WIDTH, HEIGHT)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(FileWriteError, match=r'Cannot make the folder .*file/masks: Not a dir'):
        SavePredictionsHook(mask_dir=str(tmp_path / 'file' / 'masks')).before_test(runner_of())


def test_several_kinds_of_change_keep_their_indices_and_colours(sample, tmp_path):
    sample.pred_sem_seg.data[0, :8] = 2
    palette = [[0, 0, 0], [200, 90, 0], [0, 90, 200]]
    meta = dict(classes=('unchanged', 'built', 'razed'), palette=palette)
    save(sample, tmp_path / 'masks', tmp_path / 'panels', **meta)
    mask = Image.open(tmp_path / 'masks' / 'tile_7.png')
    expected = sample.pred_sem_seg.data[0].numpy()
    assert mask.mode == 'P' and (np.asarray(mask) == expected).all()
    assert (np.asarray(mask.convert('RGB')) == np.array(palette)[expected]).all()
    drawn = np.asarray(Image.open(tmp_path / 'panels' / 'tile_7.png'))
    left = colours.GAP + 3 * (WIDTH + colours.GAP)
    assert tuple(drawn[colours.BAR + colours.GAP, left]) == (0, 90, 200)


def test_panels_of_16_bit_images_of_four_bands(sample, tmp_path):
    image = np.full((HEIGHT, WIDTH, 4), (1000, 500, 250, 9000), np.uint16)
    for date, folder in DATES.items():
        path = write_tiff(tmp_path / folder / 'deep.tif', image)
        sample.set_metainfo({f'{date}_path': str(path)})
    bands = ['blue', 'green', 'red', 'nir']
    spec = dict(bands=bands, dtype='uint16', display_range=[0, 2550])
    save(sample, None, tmp_path / 'panels', image=spec)
    drawn = np.asarray(Image.open(tmp_path / 'panels' / 'deep.png'))
    assert drawn[colours.BAR + colours.GAP, colours.GAP].tolist() == [25, 50, 100]


def test_pairs_of_one_name_are_refused_before_the_test(tmp_path, monkeypatch):
    """Of two data sets in one, the masks of the second would replace those of the first."""
    for part in ('one', 'two'):
        write_tiny_pairs(tmp_path / part)
    parts = [
        LEVIRCDDataset(data_root=str(tmp_path / part), split='test', pipeline=[])
        for part in ('one', 'two')
    ]
    hook = SavePredictionsHook(mask_dir=str(tmp_path / 'masks'))
    for dataset in (parts[0], ConcatDataset(parts[:1])):
        hook.before_test(SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset)))
    made = [SyntheticPairDataset(length=2, split='test', pipeline=[]) for _ in range(2)]
    monkeypatch.setattr(SyntheticPairDataset, '_draw', None)  # for a name, nothing has to be drawn
    for several in (ConcatDataset(parts), ConcatDataset(made)):
        runner = SimpleNamespace(test_dataloader=SimpleNamespace(dataset=several))
        with pytest.raises(ConfigError, match=r'are those of several pairs .*, such as .*\.png'):
            hook.before_test(runner)
