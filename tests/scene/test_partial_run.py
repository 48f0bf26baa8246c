from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mmcd.errors import SceneError, SceneStoppedError
from mmcd.scene.partial_run import FinishedRows, PartialRun
from mmcd.structures import ChangeClasses

PLAN = {
    'tile_size': 64,
    'model': {'type': 'A'},
    'before': [1, None, 3],
    'after': [4],
    'preparation': {'x': 1},
}


@pytest.fixture
def run(tmp_path: Path) -> PartialRun:
    run = PartialRun(tmp_path / 'map.tif')
    run.begin(PLAN, resume=False)
    return run


def rows(seed: int = 0, stored_as: str | None = 'uint8') -> FinishedRows:
    rng = np.random.default_rng(seed)
    probability = rng.random((8, 20), np.float32)
    return FinishedRows.of(probability[None], rng.random((8, 20)) < 0.9, 0.5, stored_as)


def test_what_a_strip_keeps() -> None:
    probability = np.array([[0.0, 0.5, 0.51, 1.0, 0.9]], np.float32)
    valid = np.array([[True, True, True, True, False]])
    kept = FinishedRows.of(probability[None], valid, 0.5, 'uint8')
    assert kept.mask.tolist() == [[0, 0, 1, 1, 255]]
    assert kept.probability.tolist() == [[0, 127, 130, 254, 255]]
    exact = FinishedRows.of(probability[None], valid, 0.5, 'float32').probability
    assert exact[0, :4].tolist() == probability[0, :4].tolist() and np.isnan(exact[0, 4])
    assert FinishedRows.of(probability[None], valid, 0.5, None).probability is None


def test_a_strip_of_several_kinds_of_change() -> None:
    """Changed where all kinds together exceed the threshold; then of the likeliest kind."""
    classes = ChangeClasses.of_number(3)
    scores = np.array([[[0.3, 0.2, 0.6, 0.1]], [[0.3, 0.7, 0.2, 0.1]]], np.float32)
    kept = FinishedRows.of(scores, np.ones((1, 4), bool), 0.5, 'float32', classes)
    assert kept.mask.tolist() == [[1, 2, 1, 0]]
    np.testing.assert_allclose(kept.probability, [[0.6, 0.9, 0.8, 0.2]], atol=1e-6)


@pytest.mark.parametrize('stored_as', ['uint8', 'float32', None])
def test_strips_come_back_as_they_were(run: PartialRun, stored_as: str | None) -> None:
    run.save(3, rows(3, stored_as))
    run.save(1, rows(1, stored_as))
    assert run.finished() == {1, 3}
    for index, kept in zip((1, 3), run.load_all([1, 3]), strict=True):
        np.testing.assert_array_equal(kept.mask, rows(index).mask)
        np.testing.assert_array_equal(kept.probability, rows(index, stored_as).probability)


def test_a_strip_half_written_is_none(run: PartialRun) -> None:
    (run.folder / 'strip_000002.partial').write_bytes(b'PK')
    assert run.finished() == set()


def test_a_damaged_strip_is_made_again(run: PartialRun) -> None:
    run.save(0, rows())
    path = next(run.folder.glob('*.npz'))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(SceneStoppedError, match='damaged'):
        run.load(0)
    assert run.finished() == set()


def test_damaged_strips_are_found_by_their_checksums(run: PartialRun) -> None:
    for index in range(3):
        run.save(index, rows(), ('one', str(index)))
    (run.folder / 'strip_000001.npz').write_bytes(b'PK')
    assert run.sound() == {0: ('one', '0'), 2: ('one', '2')}
    assert run.finished() == {0, 2}


def test_resuming_keeps_the_strips_and_the_plan(run: PartialRun) -> None:
    run.save(0, rows())
    # Windows that only one of the runs could read tell nothing.
    now = {**PLAN, 'before': [1, 2, None], 'preparation': {'x': 2}}
    assert run.begin(now, resume=True) == 0
    assert run.finished() == {0} and run.plan == PLAN


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'tile_size': 32}, 'tile_size: 64, now 32'),
        ({'after': [5]}, 'after image: its pixels do not match'),
        ({'after': [4, 4]}, 'after image: its pixels do not match'),
        ({'bands': [1]}, r'bands: None, now \[1\]'),
        ({'model': {'type': 'A', 'form': 'b'}}, r'\n  model\.form: None, now b\n'),
        ({'model': {}}, r'\n  model\.type: A, now None\n'),
    ],
)
def test_another_run_is_not_resumed(run: PartialRun, change: dict, message: str) -> None:
    with pytest.raises(SceneError, match=message):
        run.begin({**PLAN, **change}, resume=True)


def test_starting_anew_throws_the_strips_away(run: PartialRun) -> None:
    run.save(0, rows())
    assert run.begin({**PLAN, 'tile_size': 32}, resume=False) == 1
    assert run.finished() == set()
    assert json.loads((run.folder / 'plan.json').read_text())['tile_size'] == 32


def test_strips_without_a_plan_are_of_no_run(run: PartialRun) -> None:
    run.save(0, rows())
    (run.folder / 'plan.json').unlink()
    assert run.begin({**PLAN, 'tile_size': 32}, resume=True) == 1
    assert run.finished() == set() and run.plan['tile_size'] == 32


def test_a_removal_that_is_broken_off_leaves_no_strip_without_a_plan(
    run: PartialRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the order in which the folder's files are deleted."""

    def remove_plan(folder: Path, **_: object) -> None:
        (folder / 'plan.json').unlink()

    run.save(0, rows())
    monkeypatch.setattr(shutil, 'rmtree', remove_plan)
    run.remove()
    assert run.finished() == set()


@pytest.mark.parametrize('resume', [False, True])
def test_strips_that_cannot_be_deleted_are_not_taken_for_the_new_run_s(
    run: PartialRun, monkeypatch: pytest.MonkeyPatch, resume: bool
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, 'Permission denied')

    run.save(0, rows())
    if resume:
        (run.folder / 'plan.json').unlink()
    monkeypatch.setattr(shutil, 'rmtree', lambda *_, **__: None)
    monkeypatch.setattr(Path, 'unlink', refuse)
    with pytest.raises(SceneStoppedError, match=r'Cannot delete the strips .*map\.tif\.parts'):
        run.begin({**PLAN, 'tile_size': 32}, resume=resume)


def test_where_nothing_can_be_written_the_message_says_so(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    run = PartialRun(tmp_path / 'file' / 'map.tif')
    with pytest.raises(SceneStoppedError, match=r'Cannot write .*file.* MB left'):
        run.begin(PLAN, resume=False)
