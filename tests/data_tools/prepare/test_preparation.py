from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.config import load_config
from mmcd.data_tools.prepare.splitting import Ratios
from mmcd.data_tools.prepare.tile_grid import TileGrid
from mmcd.datasets import BitemporalDataset, CDDDataset, LEVIRCDDataset
from mmcd.errors import DatasetError, FileWriteError
from mmcd.registry import DATASETS
from tests.data_tools.prepare.preparing import READING, pixels, prepare
from tests.tiff_files import write_tiff
from tests.tiny_pairs import TinyLayout, write_tiny_pairs

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize('workers', [1, 2])
def test_tiles_put_together_are_the_images(tiny_levir, tmp_path, workers):
    out = tmp_path / 'out'
    prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32), workers=workers)
    for folder in ('A', 'B', 'label'):
        whole = pixels(tiny_levir / 'val' / folder / 'val_2.png')
        for top in (0, 32):
            for left in (0, 32):
                tile = pixels(out / 'val' / folder / f'val_2_{top:04d}_{left:04d}.png')
                assert (tile == whole[top : top + 32, left : left + 32]).all()


def test_any_config_of_the_data_set_reads_it(tmp_path):
    source = write_tiny_pairs(tmp_path / 'cdd', layout='cdd')
    prepare('cdd', source, tmp_path / 'out', tiling=TileGrid(32, 32))
    dataset = CDDDataset(data_root=str(tmp_path / 'out'), split='train', pipeline=READING)
    assert len(dataset) == 16
    assert dataset.label_encoding.values == (('unchanged', 0), ('changed', 255))
    cfg = load_config(ROOT / 'configs' / 'darnet_cdd.py', {'data_root': str(tmp_path / 'out')})
    assert len(DATASETS.build(cfg.val_dataloader.dataset)) == 8


def test_going_on_after_a_stop(tiny_levir, tmp_path):
    out = tmp_path / 'out'
    prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32))
    lost = out / 'train' / 'B' / 'train_1_0000_0032.png'
    lost.unlink()
    kept = out / 'train' / 'B' / 'train_1_0000_0000.png'
    stamp = kept.stat().st_mtime_ns
    (out / 'train' / 'B' / '.train_9.png.77.part').write_bytes(b'half')
    _, results = prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32))
    assert (sum(r.written for r in results), sum(r.kept for r in results)) == (1, 31)
    assert lost.is_file() and kept.stat().st_mtime_ns == stamp
    assert not list(out.rglob('.*'))


def test_an_unfinished_folder_is_not_trained_on(tiny_levir, tmp_path):
    out = tmp_path / 'out'
    broken = tiny_levir / 'train' / 'A' / 'train_3.png'
    whole = broken.read_bytes()
    broken.write_bytes(whole[:200])
    with pytest.raises(DatasetError, match=r'1 part\(s\) could not be prepared(.|\n)*train_3'):
        prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32))
    with pytest.raises(DatasetError, match='stopped before its end'):
        LEVIRCDDataset(data_root=str(out), split='train')
    broken.write_bytes(whole)
    prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32))
    assert len(LEVIRCDDataset(data_root=str(out), split='train')) == 16


def test_a_failed_first_try_does_not_block_the_right_one(tmp_path):
    source = write_tiny_pairs(tmp_path / 'src', layout=TinyLayout(changed=1))
    with pytest.raises(DatasetError, match='looks like 0/1'):
        prepare('folder', source, tmp_path / 'out')
    encoding = dict(unchanged=0, changed=1)
    prepare('folder', source, tmp_path / 'out', layout=dict(label_encoding=encoding))
    dataset = BitemporalDataset(data_root=str(tmp_path / 'out'), split='test')
    assert len(dataset) == 2


def test_other_settings_need_another_folder_or_overwrite(tiny_levir, tmp_path):
    out = tmp_path / 'out'
    prepare('levir-cd', tiny_levir, out, tiling=TileGrid(32, 32))
    with pytest.raises(DatasetError, match=r'tiling .*32.* but tiling .*16.* was asked for'):
        prepare('levir-cd', tiny_levir, out, tiling=TileGrid(16, 16))
    prepare('levir-cd', tiny_levir, out, tiling=TileGrid(16, 16), overwrite=True)
    assert len(list((out / 'train' / 'A').iterdir())) == 4 * 16


def test_a_folder_of_others_is_left_alone(tiny_levir, tmp_path, write_pairs):
    there = write_pairs('there')
    with pytest.raises(DatasetError, match='not prepared by mmcd'):
        prepare('levir-cd', tiny_levir, there, overwrite=True)
    with pytest.raises(DatasetError, match='a folder of their own'):
        prepare('levir-cd', tiny_levir, tiny_levir)


TILINGS = {'tiles': TileGrid(32, 32), 'whole': None}


@pytest.mark.parametrize('tiling', TILINGS.values(), ids=TILINGS)
@pytest.mark.parametrize('folder', ['A', 'B', 'label'])
def test_a_source_that_was_mended_is_prepared_anew(tiny_levir, tmp_path, folder, tiling):
    out = tmp_path / 'out'
    _, first = prepare('levir-cd', tiny_levir, out, tiling=tiling)
    source = tiny_levir / 'train' / folder / 'train_2.png'
    mended = 255 - pixels(source)
    Image.fromarray(mended).save(source)
    _, results = prepare('levir-cd', tiny_levir, out, tiling=tiling)
    number = 4 if tiling else 1
    assert sum(r.written for r in results) == number
    assert sum(r.kept for r in results) == sum(r.written for r in first) - number
    name = 'train_2_0032_0000.png' if tiling else 'train_2.png'
    expected = mended[32:, :32] if tiling else mended
    assert (pixels(out / 'train' / folder / name) == expected).all()


@pytest.mark.parametrize('tiling', TILINGS.values(), ids=TILINGS)
@pytest.mark.parametrize('size', [0, 40, -20])
@pytest.mark.parametrize('folder', ['A', 'B', 'label'])
def test_a_file_that_is_not_whole_is_written_again(tiny_levir, tmp_path, folder, size, tiling):
    out = tmp_path / 'out'
    prepare('levir-cd', tiny_levir, out, tiling=tiling)
    name = 'train_2_0032_0000.png' if tiling else 'train_2.png'
    path = out / 'train' / folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:size])
    _, results = prepare('levir-cd', tiny_levir, out, tiling=tiling)
    assert sum(r.written for r in results) == 1
    assert path.read_bytes() == whole


def test_a_mended_tiff_is_prepared_anew(tmp_path):
    """Large ones are cut row by row; all rows know of it."""
    pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
    for folder, bands in (('A', 3), ('B', 3), ('label', 1)):
        write_tiff(tmp_path / 'src' / folder / 's.tif', np.zeros((64, 64, bands), np.uint8))
    options = dict(tiling=TileGrid(32, 32), ratios=Ratios(0, 0, 1))
    prepare('folder', tmp_path / 'src', tmp_path / 'out', **options)
    mended = np.zeros((64, 64, 1), np.uint8)
    mended[40:50, 3:9] = 255
    write_tiff(tmp_path / 'src' / 'label' / 's.tif', mended)
    _, results = prepare('folder', tmp_path / 'src', tmp_path / 'out', **options)
    assert sum(r.written for r in results) == 4
    tile = pixels(tmp_path / 'out' / 'test' / 'label' / 's_0032_0000.png')
    assert (tile == mended[32:, :32, 0]).all()
    _, results = prepare('folder', tmp_path / 'src', tmp_path / 'out', **options)
    assert sum(r.kept for r in results) == 4


@pytest.mark.parametrize('where', ['.', 'train', 'train/new', '..'])
def test_the_pairs_need_a_folder_apart_from_their_source(tiny_levir, where):
    with pytest.raises(DatasetError, match='need a folder of their own, but'):
        prepare('levir-cd', tiny_levir, tiny_levir / where)


def test_a_folder_that_cannot_be_made_is_said(tiny_levir, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(FileWriteError, match=r'Cannot make the folder .*file.out'):
        prepare('levir-cd', tiny_levir, tmp_path / 'file' / 'out')
    with pytest.raises(FileWriteError, match='File name too long'):
        prepare('levir-cd', tiny_levir, tmp_path / ('x' * 300))
