from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mmcd.cli.commands import report
from mmcd.errors import ConfigError, ResultError
from mmcd.evaluation.record import write_record
from mmcd.html_report.pictures import save_pictures
from mmcd.html_report.result_page import picture_path
from mmcd.structures import BINARY_CHANGE
from tests.evaluation.test_comparison import method


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Two seeds of one method and two of another."""
    paths = []
    for name, gains in (('a', (0, 2)), ('b', (6, 8))):
        for seed, record in enumerate(method(name, *gains, tta=name).records):
            paths.append(tmp_path / f'{name}{seed}.json')
            write_record(paths[-1], record)
    return list(map(str, paths))


def test_two_results(files: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    report.main([files[0], files[2]])
    printed = capsys.readouterr().out
    record = json.loads(Path(files[0]).read_text())
    low, high = record['intervals']['f1']
    assert f'{record["metrics"]["f1"]:.2f} [{low:.2f}, {high:.2f}]' in printed
    assert 'WARNING: not the same protocol: tta differs: a (a0); b (b0)' in printed
    assert 'b0 - a0: f1 +' in printed and 'more than chance' in printed
    assert 'says nothing about other seeds' in printed


def test_a_page_of_two_reports(files: list[str], tmp_path: Path) -> None:
    moved = []
    for name, file in (('old', files[0]), ('new', files[2])):
        (tmp_path / name).mkdir()
        moved.append(str(Path(file).rename(tmp_path / name / 'result.json')))
    report.main([*moved, '--report', str(tmp_path / 'page')])
    page = (tmp_path / 'page' / 'index.html').read_text()
    record = json.loads(Path(moved[1]).read_text())
    assert f'{record["metrics"]["f1"]:.2f} (' in page and '<title>old and new, compared' in page
    assert 'Not the same protocol: tta differs: a (old); b (new)' in page
    assert 'F1 of new is +' in page and 'more than chance of the images drawn' in page
    assert page.count('<tr><td>') == len(record['images'])
    assert 'There are pictures where both results lie in their reports' in page


def test_a_page_of_one_result_with_its_pictures(files: list[str], tmp_path: Path) -> None:
    own = tmp_path / 'own' / 'result.json'
    own.parent.mkdir()
    Path(files[0]).rename(own)
    name = json.loads(own.read_text())['images'][0]['name']
    some = np.zeros((8, 8), np.uint8)
    grey = np.full((8, 8, 3), 90, np.uint8)
    save_pictures(
        picture_path(own.parent, name),
        *(grey, grey),
        label=some,
        prediction=some,
        probability=None,
        classes=BINARY_CHANGE,
    )
    page = tmp_path / 'page'
    report.main([str(own), '--html', str(page)])
    shown = (page / 'index.html').read_text()
    assert shown.count('<img') > 0 and 'F1' in shown
    assert (page / 'result.json').read_text() == own.read_text()
    assert (picture_path(page, name) / 'after.jpg').is_file()
    # Made anew where it lies.
    report.main([str(page / 'result.json'), '--html', str(page)])


def test_a_page_is_of_one_result_or_compares_methods(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'got 2 seeds of one method\. Name one of their files'):
        report.main([','.join(files[:2]), '--html', str(tmp_path / 'page')])
    assert not (tmp_path / 'page').exists()


def test_several_seeds(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / 'out.json'
    joined = [','.join(files[:2]), ','.join(files[2:])]
    report.main([*joined, '--names', 'old', 'new', '--metric', 'iou', '--out', str(out)])
    printed = capsys.readouterr().out
    assert ' ± ' in printed and 'new - old: iou +' in printed
    assert 'other seeds' not in printed
    written = json.loads(out.read_text())
    assert len(written['methods']['old']['f1']) == 2
    assert written['differences']['new']['low'] > 0


def test_what_cannot_be_compared(files: list[str], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='--names needs 2 different names; got x x'):
        report.main([*files[:2], '--names', 'x', 'x'])
    with pytest.raises(ResultError, match='No such result'):
        report.main([files[0], str(tmp_path / 'none.json')])
