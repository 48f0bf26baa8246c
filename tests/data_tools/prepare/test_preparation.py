from __future__ import annotations

from pathlib import Path

import pytest

from mmcd.config import load_config
from mmcd.data_tools.prepare.tile_grid import TileGrid
from mmcd.datasets import BitemporalDataset, CDDDataset, LEVIRCDDataset
from mmcd.errors import DatasetError
from mmcd.registry import DATASETS
from tests.data_tools.prepare.preparing import READING, pixels, prepare
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
