from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.engine import ReportPicturesHook
from mmcd.engine.report_pictures import write_test_page
from mmcd.errors import FileWriteError
from mmcd.evaluation import ChangeMetric
from mmcd.evaluation.record import make_record
from mmcd.html_report.result_page import picture_path
from tests.tiff_files import write_tiff

SIZE = 24
FOUR_BANDS = dict(
    bands=['red', 'green', 'blue', 'nir'],
    dtype='uint16',
    display_bands=['nir', 'red', 'green'],
    display_range=[0, 25_500],
)


def runner_of(root: Path, **meta) -> SimpleNamespace:
    """What the hook and the page look at: the test's data set and metric."""
    metric = ChangeMetric()
    metric.dataset_meta = meta
    dataset = SimpleNamespace(metainfo=meta, data_root=str(root))
    loop = SimpleNamespace(
        evaluator=SimpleNamespace(metrics=[metric]), dataloader=SimpleNamespace(dataset=dataset)
    )
    return SimpleNamespace(test_dataloader=SimpleNamespace(dataset=dataset), test_loop=loop)


def sample(root: Path, name: str, classes: int = 2) -> SegDataSample:
    """A pair of four bands of 16 bit; the right half is changed, its upper part is found."""
    for folder, value in (('A', 5100), ('B', 20400)):
        pixels = np.full((SIZE, SIZE, 4), 1000, np.uint16)
        pixels[..., 3] = value
        (root / folder).mkdir(exist_ok=True)
        write_tiff(root / folder / f'{name}.tif', pixels)
    label = torch.zeros(1, SIZE, SIZE, dtype=torch.long)
    label[..., SIZE // 2 :] = classes - 1
    prediction = label.clone()
    prediction[:, SIZE // 2 :] = 0
    logits = torch.zeros(classes, SIZE, SIZE)
    logits[0] = torch.where(prediction[0] > 0, -9.0, 9.0)
    data = SegDataSample(
        metainfo={
            f'{d}_path': str(root / f / f'{name}.tif') for d, f in (('before', 'A'), ('after', 'B'))
        }
    )
    data.gt_sem_seg = PixelData(data=label)
    data.pred_sem_seg = PixelData(data=prediction)
    data.seg_logits = PixelData(data=logits)
    return data


def test_pictures_show_the_display_bands_and_the_page_finds_them(tmp_path: Path) -> None:
    runner = runner_of(tmp_path, image=FOUR_BANDS)
    hook = ReportPicturesHook(report_dir=str(tmp_path / 'report'))
    hook.before_test(runner)
    samples = [sample(tmp_path, 'one'), sample(tmp_path, 'two')]
    hook.after_test_iter(runner, 0, {}, samples)
    folder = picture_path(tmp_path / 'report', 'A/one.tif')
    before, after = (cv2.imread(str(folder / f'{d}.jpg')) for d in ('before', 'after'))
    # BGR: near infrared is shown as red, of 25,500 values.
    assert before[5, 5].tolist() == pytest.approx([10, 10, 51], abs=4)
    assert after[5, 5].tolist() == pytest.approx([10, 10, 204], abs=4)
    probability = cv2.imread(str(folder / 'probability.png'), cv2.IMREAD_UNCHANGED)
    assert probability[2, SIZE - 2, 3] > 200 and probability[-2, SIZE - 2, 3] == 0

    metric = runner.test_loop.evaluator.metrics[0]
    metric.process({}, [each.to_dict() for each in samples])
    metric.compute_metrics(metric.results)
    from mmcd.engine.result_file import images_of

    record = make_record(images_of(runner), metric.classes, dict(config='c/net.py', split='test'))
    page = write_test_page(tmp_path / 'report', runner, record)
    assert json.loads((tmp_path / 'report' / 'result.json').read_text()) == record
    html = page.read_text()
    assert '<h1>net on the test split</h1>' in html
    found = json.loads(re.search(r'id="pictures">(.*?)</script>', html)[1])
    assert [one['folder'].split('/')[0] for one in found] == ['images', 'images']
    assert found[0]['layers'] == ['errors', 'label', 'prediction', 'probability']


def test_kinds_of_change_are_drawn_in_their_colours(tmp_path: Path) -> None:
    palette = [[0, 0, 0], [255, 0, 0], [0, 0, 255]]
    classes = dict(classes=('same', 'built', 'razed'), palette=palette)
    runner = runner_of(tmp_path, image=FOUR_BANDS, **classes)
    hook = ReportPicturesHook(report_dir=str(tmp_path / 'report'))
    hook.before_test(runner)
    hook.after_test_iter(runner, 0, {}, [sample(tmp_path, 'one', classes=3)])
    folder = picture_path(tmp_path / 'report', 'A/one.tif')
    label = cv2.imread(str(folder / 'label.png'))
    assert label[5, SIZE - 5].tolist() == [255, 0, 0]  # BGR: the second kind's blue
    probability = cv2.imread(str(folder / 'probability.png'), cv2.IMREAD_UNCHANGED)
    assert probability[2, SIZE - 2, 3] > 200  # of change of any kind


def test_windows_of_a_scene_are_shown_as_the_network_saw_them(tmp_path: Path) -> None:
    runner = runner_of(tmp_path, image=FOUR_BANDS)
    hook = ReportPicturesHook(report_dir=str(tmp_path / 'report'))
    hook.before_test(runner)
    windows = [sample(tmp_path, 'scene') for _ in range(2)]
    inputs = []
    for number, window in enumerate(windows):
        window.set_metainfo(dict(pair_name=f'scene_0000_{number}'))
        inputs.append(torch.full((8, SIZE, SIZE), 5100.0 * (number + 1)))
    hook.after_test_iter(runner, 0, dict(inputs=inputs), windows)
    for number in range(2):
        folder = picture_path(tmp_path / 'report', f'scene_0000_{number}')
        shown = cv2.imread(str(folder / 'before.jpg'))[5, 5]
        assert shown.tolist() == pytest.approx([51 * (number + 1)] * 3, abs=4)


def test_pairs_of_one_name_in_several_data_sets_keep_apart(tmp_path: Path) -> None:
    samples = []
    for part in ('one', 'two'):
        (tmp_path / part).mkdir()
        samples.append(sample(tmp_path / part, 'scene'))
        samples[-1].set_metainfo(dict(pair_name='scene'))
    runner = runner_of(tmp_path, image=FOUR_BANDS)
    report = tmp_path / 'report'
    for parts in (1, 2):  # the second time into the report of a test of one data set
        runner.test_dataloader.dataset.datasets = [None] * parts
        hook = ReportPicturesHook(report_dir=str(report))
        hook.before_test(runner)
        hook.after_test_iter(runner, 0, {}, samples[:parts])
    folders = [picture_path(report, f'{part}/A/scene.tif') for part in ('one', 'two')]
    assert all((folder / 'errors.png').is_file() for folder in folders)
    assert list(picture_path(report, 'scene').iterdir()) == []


def test_a_report_s_folder_is_made_before_the_test(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    hook = ReportPicturesHook(report_dir=str(tmp_path / 'file' / 'report'))
    with pytest.raises(FileWriteError, match='Cannot make the folder'):
        hook.before_test(runner_of(tmp_path))
