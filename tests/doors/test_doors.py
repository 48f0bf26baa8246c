"""One model, one pair: whatever door it is entered by, the answer is the same."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmcd.apis import init_model
from mmcd.export import export_onnx
from tests.doors.cases import CASES, make_case
from tests.doors.door import DOORS, TESTED, has_door
from tests.exporting import skip_without_exporter

pytest.importorskip('rasterio', reason='the extra `geo` is not installed')
skip_without_exporter()

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def entered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder a case, with what every door has answered."""
    folder = tmp_path_factory.mktemp('doors')
    for number, case in enumerate(CASES.values()):
        own = folder / str(number)
        make_case(case, own)
        if case.exported:
            model = init_model(own / 'config.py', own / 'model.pth')
            export_onnx(model, own / 'model.onnx')
    doors = (*DOORS, *TESTED)
    commands = [[sys.executable, '-m', 'tests.doors.door', door, str(folder)] for door in doors]
    with ThreadPoolExecutor(max_workers=2) as pool:
        for done in pool.map(run, commands):
            assert done.returncode == 0, (
                f'{done.args}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}'
            )
    return folder


def run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize('name', CASES)
def test_every_door_gives_the_same_answer(entered: Path, name: str) -> None:
    folder = entered / str(list(CASES).index(name))
    expected = np.load(folder / 'files.npz')
    away = np.abs(expected['probability'] - threshold_of(name)) > 2e-4
    assert expected['mask'][away].any() and not expected['mask'][away].all()
    case = CASES[name]
    for door in [door for door in DOORS if has_door(case, door)]:
        found = np.load(folder / f'{door}.npz')
        np.testing.assert_allclose(
            found['probability'], expected['probability'], atol=1e-4, err_msg=door
        )
        np.testing.assert_array_equal(found['mask'][away], expected['mask'][away], err_msg=door)
    for door in [door for door in TESTED if has_door(case, door)]:
        with Image.open(folder / door / 'one.png') as image:
            mask = np.array(image)
        values = (0, 255) if expected['mask'].max() == 1 else (0, 1, 2)
        np.testing.assert_array_equal(
            mask[away], np.array(values)[expected['mask']][away], err_msg=door
        )


def threshold_of(name: str) -> float:
    case = CASES[name]
    if case.tuned is not None:
        return case.tuned
    head = case.model.get('decode_head', {})
    return case.model.get('threshold', head.get('threshold', 0.5))


def test_the_cases_are_told_apart(entered: Path) -> None:
    """The threshold holds: the mask is not what one half would give."""
    found = np.load(entered / '0' / 'files.npz')
    assert (found['mask'] != (found['probability'] > 0.5)).mean() > 0.01
    three = np.load(entered / str(list(CASES).index('three classes')) / 'files.npz')
    assert set(np.unique(three['mask'])) == {0, 1, 2}
