from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mmcd.apis import init_model
from mmcd.export import export_onnx
from tests.exporting import skip_without_exporter
from tests.scene.rasters import draw_ground, utm, write_raster

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / 'tools' / 'infer_scene.py'
CONFIG = ROOT / 'configs' / 'darnet_sample.py'
SLIM = [
    'model.backbone.base_channels=2',
    'model.decode_head.in_channels=[4,8,16,32,64]',
    'model.decode_head.channels=4',
]
SMALL = ['--tile', '64', '--overlap', '32', '--batch-size', '3', '--device', 'cpu']


def run(*arguments: object, processes: int = 0) -> subprocess.CompletedProcess:
    starter = [sys.executable]
    if processes:
        starter += ['-m', 'torch.distributed.run', '--nproc-per-node', str(processes)]
        starter += ['--rdzv-backend', 'c10d', '--rdzv-endpoint', 'localhost:0']
    return subprocess.run(
        [*starter, str(TOOL), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        check=False,
    )


@pytest.fixture(scope='module')
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pair of 230 x 170 and a checkpoint of a tiny network."""
    folder = tmp_path_factory.mktemp('scene')
    write_raster(folder / 'before.tif', draw_ground(230, 170), utm())
    write_raster(folder / 'after.tif', draw_ground(230, 170, seed=1), utm())
    torch.manual_seed(0)
    options = {
        'model.backbone.base_channels': 2,
        'model.decode_head.in_channels': [4, 8, 16, 32, 64],
        'model.decode_head.channels': 4,
    }
    model = init_model(CONFIG, cfg_options=options)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, folder / 'tiny.pth')
    return folder


def common(folder: Path) -> list[object]:
    return [CONFIG, folder / 'tiny.pth', '--cfg-options', *SLIM, *SMALL]


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['c.py', 'x.pth', 'a.tif', '--out', 'm.tif'], 'name BEFORE, AFTER and --out'),
        (['c.py', 'x.pth', 'a.tif', 'b.tif', '--pairs', 'l.csv'], 'name BEFORE, AFTER and --out'),
        (
            [
                'c.py',
                'x.pth',
                'a.tif',
                'b.tif',
                '--out',
                'm.tif',
                '--tile',
                '64',
                '--overlap',
                '64',
            ],
            'overlap: ',
        ),
    ],
)
def test_wrong_use_is_told_at_once(arguments: list[str], message: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and message in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.slow
def test_a_scene_alone_and_shared_by_processes(scene: Path, tmp_path: Path) -> None:
    images = [scene / 'before.tif', scene / 'after.tif']
    for name, processes in (('alone', 0), ('shared', 2)):
        out = tmp_path / name / 'map.tif'
        done = run(
            *common(scene)[:2],
            *images,
            '--out',
            out,
            '--vectors',
            out.with_suffix('.gpkg'),
            '--probability',
            out.with_name('p.tif'),
            *common(scene)[2:],
            processes=processes,
        )
        assert done.returncode == 0, done.stderr
        assert 'pixels changed' in done.stderr
    for name in ('map.tif', 'p.tif', 'map.gpkg'):
        assert (tmp_path / 'alone' / name).read_bytes() == (tmp_path / 'shared' / name).read_bytes()
    assert json.loads((tmp_path / 'shared' / 'map.json').read_text())['processes'] == 2


@pytest.mark.slow
@pytest.mark.parametrize('processes', [0, 2])
def test_a_list_of_scenes_goes_on_after_one_that_fails(
    scene: Path, tmp_path: Path, processes: int
) -> None:
    rows = [
        {'before': str(scene / 'before.tif'), 'after': str(scene / name), 'out': f'{number}.tif'}
        for number, name in enumerate(['after.tif', 'none.tif', 'before.tif', 'after.tif'])
    ]
    listed = tmp_path / 'scenes.jsonl'
    listed.write_text('\n'.join(map(json.dumps, rows)))
    done = run(*common(scene), '--pairs', listed, '--quiet', processes=processes)
    assert done.returncode != 0
    assert 'Cannot open the after image' in done.stderr
    made = sorted(path.name for path in tmp_path.glob('*.tif'))
    assert made == ['0.tif', '2.tif', '3.tif']


@pytest.mark.slow
def test_an_exported_model_in_place_of_a_checkpoint(scene: Path, tmp_path: Path) -> None:
    skip_without_exporter()
    options = dict(option.split('=') for option in SLIM)
    settings = {key: json.loads(value) for key, value in options.items()}
    model = init_model(CONFIG, scene / 'tiny.pth', cfg_options=settings)
    export_onnx(model, tmp_path / 'tiny.onnx')
    images = [scene / 'before.tif', scene / 'after.tif']
    done = run(CONFIG, tmp_path / 'tiny.onnx', *images, '--out', tmp_path / 'map.tif', *SMALL)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / 'map.json').read_text())
    assert report['model']['runtime'] == 'onnxruntime' and report['settings']['tile_size'] == 64
    done = run(
        CONFIG, scene / 'tiny.pth', *images, '--out', tmp_path / 'b.tif', '--runtime', 'openvino'
    )
    assert done.returncode == 2 and 'are for exported models (.onnx)' in done.stderr
