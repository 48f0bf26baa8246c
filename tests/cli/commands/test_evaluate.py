"""Masks that a test has written score what the test has said, and others' what is known of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn import metrics

from mmcd.cli.commands import evaluate
from mmcd.errors import ConfigError, DatasetNotFoundError, ImagePairError
from tests.evaluation.drawn_masks import draw_label_and_map


def write(folder: Path, number: int, *, classes: int = 2, scale: int = 255, ignored: bool = False):
    """Labels and masks; gives all pixels of both that count."""
    pixels: list[list[np.ndarray]] = [[], []]
    for seed in range(number):
        label, mask = draw_label_and_map(seed, classes=classes, ignored=ignored)
        for name, image in (('label', label), ('mask', mask)):
            path = folder / name / f'{seed}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            is_ignored = image == 255
            written = np.where(is_ignored, 9 if classes > 2 else 128, image * scale)
            Image.fromarray(written.astype(np.uint8)).save(path)
        for store, image in zip(pixels, (label, mask), strict=True):
            store.append(image[label != 255])
    return [np.concatenate(each) for each in pixels]


def run(folder: Path, *options: str) -> dict:
    out = folder / 'r.json'
    evaluate.main([str(folder / 'mask'), str(folder / 'label'), '--result', str(out), *options])
    return json.loads(out.read_text())


def test_the_figures_are_scikit_learn_s(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    label, mask = write(tmp_path, 5)
    record = run(tmp_path, '--detail', '--split', 'test')
    found = record['metrics']
    assert found['f1'] == pytest.approx(100 * metrics.f1_score(label, mask))
    assert found['iou'] == pytest.approx(100 * metrics.jaccard_score(label, mask))
    assert found['kappa'] == pytest.approx(100 * metrics.cohen_kappa_score(label, mask))
    assert 'object_f1' in found and 'average_precision' not in found  # hard masks have no curve
    assert [image['label'] for image in record['images']] == [f'{n}.png' for n in range(5)]
    assert [image['prediction'] for image in record['images']] == [f'{n}.png' for n in range(5)]
    assert record['protocol']['mask_encoding'] == 'masks, 0 to 255'
    printed = capsys.readouterr().out
    assert f'{found["f1"]:.2f}  {record["intervals"]["f1"][0]:.2f} to ' in printed
    assert '5 images' in printed


def test_ignored_pixels_and_stated_encodings(tmp_path: Path) -> None:
    label, mask = write(tmp_path, 3, ignored=True)
    encoding = ['--label-encoding', 'unchanged=0', 'changed=255', 'ignored=128']
    assert run(tmp_path, *encoding)['metrics']['f1'] == pytest.approx(
        100 * metrics.f1_score(label, mask)
    )
    assert evaluate.parse_encoding('--x', ['0/255/128']) == evaluate.parse_encoding(
        '--x', encoding[1:]
    )
    with pytest.raises(ConfigError, match='leave one out'):
        run(tmp_path, *encoding, '--dataset', 'levir-cd')
    with pytest.raises(ConfigError, match=r"takes KEY=NUMBER, .*'changed'"):
        run(tmp_path, '--label-encoding', 'changed')


def test_kinds_of_change(tmp_path: Path) -> None:
    label, mask = write(tmp_path, 3, classes=3, scale=1)
    encoding = ['--label-encoding', 'unchanged=0', 'built=1', 'felled=2', 'ignored=9']
    found = run(tmp_path, *encoding)['metrics']
    each = 100 * metrics.f1_score(label, mask, average=None)
    keys = ('f1_unchanged', 'f1_built', 'f1_felled')
    assert [found[key] for key in keys] == pytest.approx(each.tolist())
    assert found['f1'] == pytest.approx(100 * metrics.f1_score(label > 0, mask > 0))


def test_probabilities_and_their_threshold(tmp_path: Path) -> None:
    label, mask = write(tmp_path, 3)
    for seed, path in enumerate(sorted((tmp_path / 'mask').iterdir())):
        levels = np.random.default_rng(seed).integers(0, 128, (90, 110))
        changed = np.asarray(Image.open(path)) > 0
        Image.fromarray((levels + 128 * changed).astype(np.uint8)).save(path)
    half = run(tmp_path, '--detail')
    assert half['metrics']['f1'] == pytest.approx(100 * metrics.f1_score(label, mask))
    assert 0 < half['metrics']['average_precision'] < 100
    low = run(tmp_path, '--threshold', '0.25', '--detail')
    assert low['metrics']['recall'] > half['metrics']['recall']
    assert low['metrics']['average_precision'] == half['metrics']['average_precision']
    assert low['protocol']['threshold_origin'] == 'option'


def test_both_dates_are_named_for_a_report(tmp_path: Path) -> None:
    write(tmp_path, 2)
    for date in ('A', 'B'):
        (tmp_path / date).mkdir()
        for name in ('0.jpg', '1.jpg'):
            Image.new('RGB', (110, 90)).save(tmp_path / date / name)
    record = run(tmp_path, '--before', str(tmp_path / 'A'), '--after', str(tmp_path / 'B'))
    root = Path(record['protocol']['data_root'])
    for image in record['images']:
        assert all((root / image[key]).is_file() for key in ('before', 'after', 'label'))


def test_the_folder_is_that_of_the_labels_where_the_dates_lie_on_another_drive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    args = evaluate.parse_args(
        [str(tmp_path / 'mask'), str(tmp_path / 'label'), '--before', str(tmp_path / 'A')]
    )

    def refuse(paths: object) -> str:  # as Windows does
        raise ValueError("Paths don't have the same drive")

    monkeypatch.setattr('os.path.commonpath', refuse)
    assert evaluate.data_root_of(args) == tmp_path / 'label'


def test_a_report_shows_the_masks_over_the_dates(tmp_path: Path) -> None:
    write(tmp_path, 3)
    shape = np.asarray(Image.open(tmp_path / 'mask' / '0.png')).shape
    for date, value in (('A', 60), ('B', 200)):
        (tmp_path / date).mkdir()
        for number in range(3):
            image = np.full((*shape, 3), value, np.uint8)
            Image.fromarray(image).save(tmp_path / date / f'{number}.jpg')
    report = tmp_path / 'report'
    dates = ('--before', str(tmp_path / 'A'), '--after', str(tmp_path / 'B'))
    record = run(tmp_path, *dates, '--report', str(report))
    page = (report / 'index.html').read_text()
    assert f'<dd>{record["metrics"]["f1"]:.2f}</dd>' in page and 'Object F1' in page
    assert json.loads((report / 'result.json').read_text()) == record
    assert np.asarray(Image.open(report / 'images' / '1' / 'before.jpg')).mean() == pytest.approx(
        60, abs=1
    )
    errors = np.asarray(Image.open(report / 'images' / '1' / 'errors.png').convert('RGBA'))
    mask, label = (np.asarray(Image.open(tmp_path / f / '1.png')) for f in ('mask', 'label'))
    assert ((errors[..., 3] > 0) == ((mask > 0) | (label > 0))).all()
    assert not (report / 'images' / '1' / 'probability.png').exists()  # masks have none
    assert page.count('class="card" href') == 3


def test_a_report_without_the_dates_shows_the_maps_alone(tmp_path: Path) -> None:
    write(tmp_path, 2, classes=4, scale=1)
    encoding = ['unchanged=0', 'a=1', 'b=2', 'c=3']
    run(tmp_path, '--report', str(tmp_path / 'r'), '--label-encoding', *encoding)
    assert (tmp_path / 'r' / 'images' / '0' / 'prediction.png').is_file()
    assert 'another kind of change' in (tmp_path / 'r' / 'index.html').read_text()


def test_the_gap_between_the_orders_of_the_dates_takes_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([str(tmp_path), str(tmp_path), '--exchange-gap'])
    assert 'unrecognized arguments: --exchange-gap' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('before', 'after', 'error', 'message'),
    [
        (['0', '1'], ['0'], DatasetNotFoundError, r'No image of the name 1 in .*B\.$'),
        ([], ['0', '1'], DatasetNotFoundError, r'No image \('),
        (['x'], ['0', '1'], DatasetNotFoundError, r'of the name 0 in .*A, and none for 1 further'),
    ],
)
def test_dates_that_are_not_there_are_said_first(
    tmp_path: Path, monkeypatch, before, after, error, message
) -> None:
    write(tmp_path, 2)
    for date, names in (('A', before), ('B', after)):
        (tmp_path / date).mkdir()
        for name in names:
            Image.new('RGB', (110, 90)).save(tmp_path / date / f'{name}.png')
    monkeypatch.setattr('mmcd.evaluation.mask_files.score_masks', None)  # would fail
    with pytest.raises(error, match=message):
        run(tmp_path, '--before', str(tmp_path / 'A'), '--after', str(tmp_path / 'B'))


def test_dates_of_two_sizes(tmp_path: Path) -> None:
    write(tmp_path, 1)
    for date, size in (('A', (110, 90)), ('B', (90, 110))):
        (tmp_path / date).mkdir()
        Image.new('RGB', size).save(tmp_path / date / '0.png')
    with pytest.raises(ImagePairError, match=r'A/0.png has \(90, 110\) .*B/0.png has \(110, 90\)'):
        run(tmp_path, '--before', str(tmp_path / 'A'), '--after', str(tmp_path / 'B'))


def test_masks_have_no_ignored_pixels(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with pytest.raises(
        ConfigError, match=r'only labels have ignored pixels. Leave out ignored=128'
    ):
        run(tmp_path, '--mask-encoding', '0/255/128')
