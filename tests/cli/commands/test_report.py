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
    assert 'F1 of new is +' in page and 'more than chance in the choice of images' in page
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
    for word in (',', ''):
        with pytest.raises(ConfigError, match=f"'{word}' names no result. Give the files"):
            report.main([files[0], word])


def with_pictures(report: Path, file: str) -> Path:
    """A report of this result, with pictures of its first image."""
    report.mkdir()
    own = Path(file).rename(report / 'result.json')
    some, grey = np.zeros((8, 8), np.uint8), np.full((8, 8, 3), 90, np.uint8)
    name = json.loads(own.read_text())['images'][0]['name']
    save_pictures(picture_path(report, name), grey, grey, label=some, prediction=some)
    return own


def test_a_page_does_not_show_another_result_s_pictures(files: list[str], tmp_path: Path) -> None:
    own = with_pictures(tmp_path / 'own', files[0])
    (tmp_path / 'images').mkdir()  # of a data set, beside the other result
    (tmp_path / 'images' / 'large.tif').touch()
    page = tmp_path / 'page'
    report.main([str(own), '--html', str(page)])
    assert '<img' in (page / 'index.html').read_text()
    report.main([files[2], '--html', str(page)])
    assert '<img' not in (page / 'index.html').read_text()
    assert not list(page.glob('images/*/*'))
    assert not (page / 'images' / 'large.tif').exists()


def test_a_comparison_does_not_replace_a_compared_page(files: list[str], tmp_path: Path) -> None:
    one = with_pictures(tmp_path / 'one', files[0])
    two = with_pictures(tmp_path / 'two', files[2])
    before = sorted((tmp_path / 'two').rglob('*'))
    for folder in ('one', 'two'):
        with pytest.raises(ConfigError, match=r'would be overwritten\. Name another one'):
            report.main([str(one), str(two), '--html', str(tmp_path / folder)])
    assert sorted((tmp_path / 'two').rglob('*')) == before


def test_a_page_among_the_results_and_one_of_a_second_seed(
    files: list[str], tmp_path: Path
) -> None:
    report.main([files[0], files[2], '--html', str(tmp_path)])  # there is no page to lose
    assert (tmp_path / 'index.html').is_file()
    seed = with_pictures(tmp_path / 'seed', files[1])
    with pytest.raises(ConfigError, match='would be overwritten'):
        report.main([f'{files[0]},{seed}', files[2], '--html', str(seed.parent)])


def test_what_cannot_be_tested_is_shown_all_the_same(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = json.loads(Path(files[2]).read_text())
    other['images'] = other['images'][:1]
    alone = tmp_path / 'alone.json'
    alone.write_text(json.dumps(other))
    out, page = tmp_path / 'out.json', tmp_path / 'page'
    report.main([files[0], str(alone), files[3], '--html', str(page), '--out', str(out)])
    printed = capsys.readouterr().out
    assert 'Not tested: a0 and alone have 1 (source) images in common' in printed
    assert 'b1 - a0: f1 +' in printed
    written = json.loads(out.read_text())
    assert list(written['differences']) == ['b1'] and list(written['not_tested']) == ['alone']
    assert written['intervals']['a0'][0]['f1'] and 'notes' in written
    assert 'Not tested: a0 and alone' in (page / 'index.html').read_text()


def test_seeds_that_are_not_alike(files: list[str], tmp_path: Path) -> None:
    """One of them has lost an image and counted no objects."""
    less = json.loads(Path(files[0]).read_text())
    gone = less['images'].pop(0)
    less['metrics'].pop('kappa')
    Path(files[0]).write_text(json.dumps(less))
    out, page = tmp_path / 'out.json', tmp_path / 'page'
    for first in (files[:2], files[1::-1]):
        report.main([','.join(first), files[2], '--html', str(page), '--out', str(out)])
        methods = list(json.loads(out.read_text())['methods'].values())
        assert 'kappa' not in methods[0] and 'kappa' in methods[1]
        assert f'>{gone["name"]}<' not in (page / 'index.html').read_text()
