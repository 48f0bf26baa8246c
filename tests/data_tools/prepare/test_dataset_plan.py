from __future__ import annotations

from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmcd.data_tools.prepare import Preparation
from mmcd.data_tools.prepare.dataset_plan import Division, plan_dataset
from mmcd.data_tools.prepare.preparation import Request
from mmcd.data_tools.prepare.sources import SOURCES, Scene
from mmcd.data_tools.prepare.splitting import Ratios, split_randomly
from mmcd.data_tools.prepare.tile_grid import TileGrid
from mmcd.datasets.layout import SPLITS
from mmcd.errors import ConfigError, ImagePairError
from tests.data_tools.prepare.preparing import pixels, prepare
from tests.tiny_pairs import TinyLayout, write_tiny_pairs


def test_levir_cd_counts_as_published(tmp_path):
    """445 / 64 / 128 tiles of 1024x1024, of which only the headers are read."""
    png = cv2.imencode('.png', np.zeros((1024, 1024, 3), np.uint8))[1].tobytes()
    first = tmp_path / 'one.png'
    first.write_bytes(png)
    for split, count in (('train', 445), ('val', 64), ('test', 128)):
        for folder in ('A', 'B', 'label'):
            (tmp_path / 'src' / split / folder).mkdir(parents=True)
            for number in range(count):
                (tmp_path / 'src' / split / folder / f'{split}_{number}.png').symlink_to(first)
    source = SOURCES['levir-cd']
    request = Request(
        'levir-cd',
        source,
        tmp_path / 'src',
        tmp_path / 'out',
        TileGrid(256, 256),
        Division(Ratios()),
    )
    assert Preparation(request).plan.pairs() == {'train': 7120, 'val': 1024, 'test': 2048}
    assert not (tmp_path / 'out').exists()


def test_own_pairs_are_drawn_whole(write_pairs, tmp_path):
    source = write_pairs('own', splits={'all': 10}) / 'all'
    prepare('folder', source, tmp_path / 'out', tiling=TileGrid(32, 32))
    homes = {}
    for split, number in (('train', 7), ('val', 1), ('test', 2)):
        names = [path.stem.rsplit('_', 2)[0] for path in (tmp_path / 'out' / split / 'A').iterdir()]
        assert set(Counter(names).values()) == {4}
        assert len(set(names)) == number
        homes |= dict.fromkeys(names, split)
    assert len(homes) == 10


def scene(folder: Path, height: int = 256, width: int = 512, suffix: str = '.png') -> Path:
    layout = TinyLayout(image_suffix=suffix)
    pairs = dict(splits={'all': 1}, height=height, width=width, seed=1)
    return write_tiny_pairs(folder, layout=layout, **pairs) / 'all'


def test_blocks_of_one_scene(tmp_path):
    source = scene(tmp_path / 'scene')
    preparation, _ = prepare(
        'folder',
        source,
        tmp_path / 'out',
        tiling=TileGrid(32, 32),
        blocks=4,
        ratios=Ratios(2, 1, 1),
    )
    pairs = preparation.plan.pairs()
    assert min(pairs.values()) > 0
    assert sum(pairs.values()) + preparation.plan.between == 8 * 16


def test_blocks_of_tiles_that_were_cut_before(tmp_path):
    prepare('folder', scene(tmp_path / 'scene'), tmp_path / 'cut', tiling=TileGrid(32, 32),
            ratios=Ratios(1, 0, 0))  # fmt: skip
    preparation, _ = prepare(
        'folder', tmp_path / 'cut' / 'train', tmp_path / 'out', blocks=4, ratios=Ratios(2, 1, 1)
    )
    assert preparation.plan.between > 0
    with pytest.raises(ConfigError, match='SCENE_ROW_COLUMN'):
        prepare('folder', scene(tmp_path / 'one'), tmp_path / 'no', blocks=2)


def plan_of(names, **division):
    scenes = [Scene(name, *[Path(f'{name}.png')] * 3, SPLITS) for name in names]
    return plan_dataset(scenes, None, Division(Ratios(), **division))


def tiles_of(*scenes):
    return [
        f'{s}_{row:04d}_{column:04d}' for s in scenes for row in (0, 256) for column in (0, 256)
    ]


def test_tiles_that_were_cut_before_do_not_part():
    plan = plan_of(tiles_of('a', 'b', 'c', 'd'))
    homes = {}
    for each in plan.scenes:
        homes.setdefault(each.scene.name[0], set()).add(each.tiles[0].split)
    assert sorted(map(len, homes.values())) == [1, 1, 1, 1]
    assert plan.pairs() == {'train': 8, 'val': 4, 'test': 4}


def test_too_few_scenes_of_tiles_that_were_cut_before_say_what_to_do():
    names = tiles_of('a', 'b')
    said = r'tiles of 2 scene\(s\), a, b: too few for shares of 70% train.*--blocks.*--by-tile'
    with pytest.raises(ConfigError, match=said):
        plan_of(names)
    assert plan_of(names, by_tile=True).pairs().total() == 8


def test_pairs_that_are_no_tiles_are_drawn_as_they_were():
    """By a rule of its own: re-running a command must find the pairs that it prepared before."""
    names = [f'site_{number:04d}' for number in range(20)]
    drawn = [each.tiles[0].split for each in plan_of(names).scenes]
    assert drawn == split_randomly(20, Ratios().among(SPLITS), 0)


def test_one_scene_needs_blocks(tmp_path):
    with pytest.raises(ConfigError, match='--blocks'):
        prepare('folder', scene(tmp_path / 'scene'), tmp_path / 'out', tiling=TileGrid(32, 32))


def test_dates_of_two_sizes(tiny_levir, tmp_path):
    path = tiny_levir / 'train' / 'B' / 'train_1.png'
    Image.fromarray(pixels(path)[:32]).save(path)
    with pytest.raises(ImagePairError, match='train_1'):
        prepare('levir-cd', tiny_levir, tmp_path / 'out', tiling=TileGrid(32, 32))


@pytest.mark.parametrize('stride', [16, 24])
def test_blocks_of_tiles_that_overlap(tmp_path, stride):
    """Cut before, with names that count pixels: no pixel is in two splits, or beside another's."""
    (tmp_path / 'cut').mkdir()
    tiles = []
    for row in range(0, 225, stride):
        for column in range(0, 225, stride):
            name = f'scene_{row:04d}_{column:04d}'
            for folder in ('A', 'B', 'label'):
                path = tmp_path / 'cut' / folder / f'{name}.png'
                path.parent.mkdir(exist_ok=True)
                Image.new('L' if folder == 'label' else 'RGB', (32, 32)).save(path)
    preparation, _ = prepare(
        'folder', tmp_path / 'cut', tmp_path / 'out', blocks=3, ratios=Ratios(1, 1, 1)
    )
    for plan in preparation.plan.scenes:
        row, column = map(int, plan.scene.name.split('_')[1:])
        tiles += [(tile.split, row, column) for tile in plan.tiles]
    assert {split for split, *_ in tiles} >= {'train', 'val', 'test'}
    for one, row, column in tiles:
        for other, below, right in tiles:
            if one and other and one != other:
                assert abs(row - below) > 32 or abs(column - right) > 32
