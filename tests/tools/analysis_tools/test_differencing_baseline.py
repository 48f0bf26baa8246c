from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest

TOOL = Path(__file__).parents[3] / 'tools' / 'analysis_tools' / 'differencing_baseline.py'


@pytest.fixture(scope='module')
def baseline() -> ModuleType:
    spec = importlib.util.spec_from_file_location('differencing_baseline', TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image)


def test_the_best_threshold_of_a_planted_case(baseline: ModuleType) -> None:
    """Unchanged pixels at 0.1 and 0.6, changed ones at 0.5 and 0.8."""
    difference = np.array([0.1] * 90 + [0.6] * 2 + [0.5] * 4 + [0.8] * 4)
    changed = np.arange(100) >= 92
    score = baseline.best_threshold(baseline.count(difference, changed))
    # From just above 0.1 on all 8 changed and 2 others are found.
    assert 0.1 < score.threshold <= 0.5
    assert (score.precision, score.recall) == (80, 100)
    assert score.f1 == pytest.approx(100 * 2 * 8 / (2 * 8 + 2))


def test_it_agrees_with_trying_every_threshold(baseline: ModuleType) -> None:
    rng = np.random.default_rng(0)
    changed = rng.random(500) < 0.2
    difference = np.clip(rng.normal(0.3 + 0.2 * changed, 0.1), 0, 1)
    levels = np.minimum((difference * baseline.BINS).astype(int), baseline.BINS - 1)
    best = 0.0
    for level in range(baseline.BINS):
        found = levels >= level
        best = max(best, 200 * (found & changed).sum() / (found.sum() + changed.sum()))
    score = baseline.best_threshold(baseline.count(difference, changed))
    assert score.f1 == pytest.approx(best)


def test_a_split_without_change_scores_zero(baseline: ModuleType) -> None:
    score = baseline.best_threshold(baseline.count(np.zeros(4), np.zeros(4, bool)))
    assert (score.precision, score.recall, score.f1) == (0, 0, 0)


def test_normalising_undoes_a_change_of_light(baseline: ModuleType) -> None:
    before = np.random.default_rng(0).integers(20, 100, (16, 16, 3)).astype(np.uint8)
    measures = baseline.differences(before, before * 2 + 10)
    assert measures['normalised'].max() < 1e-3
    assert measures['grey'].min() > 0.1
    assert tuple(measures) == baseline.MEASURES


def test_a_bright_change_is_found_in_a_folder(
    baseline: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = np.full((32, 32, 3), 90, np.uint8)
    after, label = before.copy(), np.zeros((32, 32), np.uint8)
    after[4:20, 4:20], label[4:20, 4:20] = 200, 255
    for folder, image in {'A': before, 'B': after, 'label': label}.items():
        write(tmp_path / 'val' / folder / 'a.png', image)
    scores = baseline.rate_split(tmp_path / 'val')
    assert scores['grey'].f1 == 100
    assert scores['blurred'].f1 < 100
    assert baseline.main([str(tmp_path), '--split', 'val']) == 0
    assert 'change vector' in capsys.readouterr().out


def test_a_missing_image_is_named(baseline: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r'expected PNG images in .*A, but found none'):
        baseline.rate_split(tmp_path)
    write(tmp_path / 'A' / 'a.png', np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(FileNotFoundError, match=r'expected an image at .*B.a\.png'):
        baseline.rate_split(tmp_path)


def test_sizes_must_agree(baseline: ModuleType, tmp_path: Path) -> None:
    for folder, side in {'A': 4, 'B': 4, 'label': 5}.items():
        write(tmp_path / folder / 'a.png', np.zeros((side, side, 3), np.uint8))
    with pytest.raises(ValueError, match=r'one size for both images and the label of a\.png'):
        baseline.rate_split(tmp_path)
