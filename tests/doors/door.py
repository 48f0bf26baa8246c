"""Enter one door with every case, in a process of its own.

python -m tests.doors.door DOOR FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mmcd.apis import init_model, predict_pair, predict_scene
from mmcd.cli.commands.test import main as run_test
from tests.doors.cases import CASES, Case, read_date
from tests.scene.rasters import read_raster

Found = tuple[np.ndarray, np.ndarray]


def pair_files(case: Case, folder: Path, checkpoint: str = 'model.pth') -> Found:
    files = [next((folder / 'data' / 'test' / date).iterdir()) for date in 'AB']
    return _pair(case, folder, files, checkpoint)


def pair_arrays(case: Case, folder: Path, checkpoint: str = 'model.pth') -> Found:
    files = [next((folder / 'data' / 'test' / date).iterdir()) for date in 'AB']
    return _pair(case, folder, [read_date(file) for file in files], checkpoint)


def _pair(case: Case, folder: Path, pair: list, checkpoint: str) -> Found:
    model = init_model(folder / 'config.py', folder / checkpoint)
    is_exported = checkpoint.endswith('.onnx')
    # An exported file is as trained already.
    result = predict_pair(model, *pair, tta=case.tta, optimize=case.optimize or is_exported)
    return result.mask, result.probability


def scene(case: Case, folder: Path, checkpoint: str = 'model.pth') -> Found:
    model = init_model(folder / 'config.py', folder / checkpoint)
    out, probability = folder / f'{checkpoint}.map.tif', folder / f'{checkpoint}.p.tif'
    predict_scene(
        model,
        folder / 'A.tif',
        folder / 'B.tif',
        out,
        probability=probability,
        probability_type='float32',
        tta=case.tta,
        optimize=case.optimize or checkpoint.endswith('.onnx'),
    )
    return read_raster(out), read_raster(probability)


DOORS: dict[str, Callable[[Case, Path], Found]] = {
    'files': pair_files,
    'arrays': pair_arrays,
    'scene': scene,
    'exported files': lambda case, folder: pair_files(case, folder, 'model.onnx'),
    'exported scene': lambda case, folder: scene(case, folder, 'model.onnx'),
}


# `mmcd test`, whose masks are files.
TESTED = {'tested': 'model.pth', 'exported tested': 'model.onnx'}


def tested(case: Case, folder: Path, door: str) -> None:
    options = ['--tta'] if case.tta else []
    options += [case.tta] if isinstance(case.tta, str) else []
    options += ['--as-trained'] if not case.optimize and door == 'tested' else []
    where = ['--out', str(folder / door), '--work-dir', str(folder / f'work of {door}')]
    run_test([str(folder / 'config.py'), str(folder / TESTED[door]), *where, *options])


def has_door(case: Case, door: str) -> bool:
    """Whether a case can enter by a door."""
    return case.exported or not door.startswith('exported')


def main(door: str, folder: Path) -> None:
    for number, case in enumerate(CASES.values()):
        if not has_door(case, door):
            continue
        if door in TESTED:
            tested(case, folder / str(number), door)
            continue
        mask, probability = DOORS[door](case, folder / str(number))
        np.savez(folder / str(number) / f'{door}.npz', mask=mask, probability=probability)


if __name__ == '__main__':
    main(sys.argv[1], Path(sys.argv[2]))
