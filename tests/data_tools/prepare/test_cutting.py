from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mmcd.data_tools.prepare.splitting import Ratios
from mmcd.data_tools.prepare.tile_grid import TileGrid
from mmcd.datasets import BitemporalDataset, LEVIRCDDataset, WHUCDDataset
from mmcd.errors import DatasetError
from mmcd.io import images as image_files
from tests.data_tools.prepare.preparing import READING, pixels, prepare
from tests.golden import SHARED, needs_samples
from tests.tiff_files import write_indices, write_tiff
from tests.tiny_pairs import TinyLayout, write_tiny_pairs


def test_whole_images_are_not_compressed_again(tmp_path):
    source = write_tiny_pairs(tmp_path / 'cdd', layout='cdd')
    prepare('cdd', source, tmp_path / 'out')
    name = 'train_1.jpg'
    before = (source / 'train' / 'A' / name).read_bytes()
    assert (tmp_path / 'out' / 'train' / 'A' / name).read_bytes() == before
    label = pixels(tmp_path / 'out' / 'train' / 'label' / 'train_1.png')
    assert set(np.unique(label)) == {0, 255}
    assert len(np.unique(pixels(source / 'train' / 'OUT' / name))) > 2


def test_black_looking_labels_become_visible(tmp_path):
    layout = TinyLayout('t1', 't2', 'mask', '.jpg', '.png', changed=1)
    source = write_tiny_pairs(tmp_path / 'dsifn', layout=layout)
    prepare('dsifn-cd', source, tmp_path / 'out')
    assert set(np.unique(pixels(tmp_path / 'out' / 'test' / 'label' / 'test_1.png'))) == {0, 255}


def test_tiles_of_a_tiff_state_its_alpha(tmp_path):
    """So that it counts as no band of the tiles either."""
    from rasterio import open as open_raster
    from rasterio.enums import ColorInterp

    image = np.full((32, 32, 4), 90, np.uint8)
    for folder in 'AB':
        path = write_tiff(tmp_path / 'src' / 'test' / folder / 's.tif', image)
        with open_raster(path, 'r+') as file:
            file.colorinterp = [ColorInterp[c] for c in ('red', 'green', 'blue', 'alpha')]
    write_tiff(tmp_path / 'src' / 'test' / 'label' / 's.tif', np.zeros((32, 32, 1), np.uint8))
    prepare('folder', tmp_path / 'src' / 'test', tmp_path / 'out', tiling=TileGrid(16, 16),
            ratios=Ratios(0, 0, 1))  # fmt: skip
    dataset = BitemporalDataset(data_root=str(tmp_path / 'out'), split='test', pipeline=READING)
    assert dataset[0]['before'].shape == (16, 16, 3)


def test_labels_of_several_kinds_of_change(tmp_path):
    layout = TinyLayout(changed=1)
    source = write_tiny_pairs(tmp_path / 'src', layout=layout, height=40)
    for path in source.glob('*/label/*.png'):
        label = pixels(path) * 20  # 20 is built, 30 demolished, 9 ignored
        label[:, 40:][label[:, 40:] > 0], label[0, :5] = 30, 9
        Image.fromarray(label).save(path)
    encoding = dict(unchanged=0, built=20, demolished=30, ignored=9)
    prepare('folder', source, tmp_path / 'out', tiling=TileGrid(32, 32, 'pad'),
            layout=dict(label_encoding=encoding))  # fmt: skip
    label = Image.open(tmp_path / 'out' / 'val' / 'label' / 'val_1_0000_0000.png')
    assert label.mode == 'P' and len(set(map(tuple, np.array(label.convert('RGB'))[0]))) >= 2
    meta = dict(classes=['unchanged', 'built', 'demolished'])
    dataset = BitemporalDataset(
        data_root=str(tmp_path / 'out'), split='val', metainfo=meta, pipeline=READING
    )
    for number, row, column in ((1, 0, 0), (1, 0, 32), (2, 32, 32)):
        tile = next(d for d in dataset if f'val_{number}_{row:04d}_{column:04d}' in d['img_path'])
        whole = pixels(source / 'val' / 'label' / f'val_{number}.png')
        whole = whole[row : row + 32, column : column + 32]
        part = tile['gt_seg_map'][: len(whole)]
        for value, index in ((0, 0), (20, 1), (30, 2), (9, 255)):
            assert ((whole == value) == (part == index)).all()
        assert (tile['gt_seg_map'][len(whole) :] == 255).all()


def test_padding_is_ignored(tmp_path):
    source = write_tiny_pairs(tmp_path / 'src', height=40, width=64)
    prepare('levir-cd', source, tmp_path / 'out', tiling=TileGrid(32, 32, 'pad'))
    dataset = LEVIRCDDataset(data_root=str(tmp_path / 'out'), split='val', pipeline=READING)
    lower = next(d for d in dataset if '0032_0000' in d['before_path'])
    assert (lower['gt_seg_map'][8:] == 255).all()
    assert (lower['gt_seg_map'][:8] != 255).all()
    assert (lower['before'][8:] == 0).all()


@pytest.mark.parametrize(
    ('bands', 'dtype', 'suffix'),
    [
        (3, 'uint8', '.png'),
        (1, 'uint8', '.png'),
        (3, 'uint16', '.tif'),
        (6, 'uint16', '.tif'),
        (4, 'uint8', '.tif'),
        (2, 'float32', '.tif'),
    ],
)
def test_geotiffs_of_any_bands(tmp_path, bands, dtype, suffix):
    rng = np.random.RandomState(0)
    images = [rng.randint(0, 256, (48, 80, bands)).astype(dtype) for _ in 'AB']
    for number in range(3):
        for folder, image in zip('AB', images, strict=True):
            write_tiff(tmp_path / 'src' / folder / f's{number}.tif', image)
        label = np.zeros((48, 80, 1), np.uint8)
        label[:, 40:] = 255
        write_tiff(tmp_path / 'src' / 'label' / f's{number}.tif', label)
    out = tmp_path / 'out'
    prepare('folder', tmp_path / 'src', out, tiling=TileGrid(16, 16), ratios=Ratios(1, 1, 1))
    assert {path.suffix for path in out.rglob('*_*.*') if path.parent.name != 'label'} == {suffix}
    image = dict(bands=[f'band_{number}' for number in range(bands)], dtype=dtype)
    dataset = BitemporalDataset(data_root=str(out), split='train', image=image, pipeline=READING)
    sample = next(d for d in dataset if '0016_0032' in d['before_path'])
    assert (sample['before'] == images[0][16:32, 32:48]).all()
    assert (sample['gt_seg_map'][:, 8:] == 1).all() and (sample['gt_seg_map'][:, :8] == 0).all()


def test_whu_cd_is_never_read_whole(tmp_path, monkeypatch):
    root = tmp_path / 'src' / '1. The two-period image data'
    rng = np.random.RandomState(0)
    for name in ('before/before.tif', 'after/after.tif'):
        write_tiff(root / name, rng.randint(0, 255, (300, 700, 3)).astype(np.uint8))
    write_tiff(root / 'change label' / 'change_label.tif',
               (rng.rand(300, 700, 1) > 0.9).astype(np.uint8))  # fmt: skip
    read = []
    original = image_files.RasterImage.read
    monkeypatch.setattr(
        image_files.RasterImage, 'read', lambda self, w: read.append(w) or original(self, w)
    )
    prepare('whu-cd', tmp_path / 'src', tmp_path / 'out', tiling=TileGrid(32, 32), blocks=5)
    assert max(window.height * window.width for window in read) == 32 * 32
    dataset = WHUCDDataset(data_root=str(tmp_path / 'out'), split='test',
                                           pipeline=READING)  # fmt: skip
    assert set(np.unique(dataset[0]['gt_seg_map'])) == {0, 1}


@needs_samples
def test_real_levir_cd_as_published(tmp_path):
    """Our tiles are those of the widespread 256 edition."""
    prepare('levir-cd', SHARED / 'data' / 'LEVIR-CD', tmp_path / 'out', tiling=TileGrid(256, 256))
    whole = pixels(SHARED / 'data' / 'LEVIR-CD' / 'test' / 'B' / 'test_2.png')
    tile = pixels(tmp_path / 'out' / 'test' / 'B' / 'test_2_0512_0768.png')
    assert (tile == whole[512:768, 768:]).all()
    assert len(list((tmp_path / 'out' / 'train' / 'A').iterdir())) == 32


def test_indices_of_a_palette_are_not_cut(tmp_path):
    """Their tiles would be grey images of the indices."""
    for folder in 'AB':
        write_indices(tmp_path / 'src' / 'test' / folder / 's.tif')
    write_tiff(tmp_path / 'src' / 'test' / 'label' / 's.tif', np.zeros((32, 32, 1), np.uint8))
    with pytest.raises(DatasetError, match=r's\.tif holds indices of a colour table'):
        prepare('folder', tmp_path / 'src' / 'test', tmp_path / 'out', tiling=TileGrid(16, 16),
                ratios=Ratios(0, 0, 1))  # fmt: skip
