from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmcd.errors import ConfigError
from mmcd.visualization.run_curves import draw_curves, read_curves


def write_log(folder: Path, start: str, rows: list[dict], rest: str = '') -> None:
    log = folder / start / 'vis_data' / 'scalars.json'
    log.parent.mkdir(parents=True)
    log.write_text('\n'.join(map(json.dumps, rows)) + '\n' + rest)


def rows(*steps: int, loss: float) -> list[dict]:
    train = [dict(loss=loss, lr=1e-3, step=step, iter=step) for step in steps]
    return [*train, {'change/f1': 10.0 * loss, 'change/iou': 1.0, 'step': steps[-1]}]


def test_a_resumed_run_is_one_curve_and_the_later_start_holds(tmp_path: Path) -> None:
    write_log(tmp_path, '20240101_100000', rows(10, 20, 30, loss=2.0), '{"loss": 1.0, "st')
    write_log(tmp_path, '20240101_110000', rows(20, 30, 40, loss=1.0))
    curves = read_curves(tmp_path)
    assert curves['loss'] == [(10, 2.0), (20, 1.0), (30, 1.0), (40, 1.0)]
    assert curves['change/f1'] == [(40, 10.0)]  # that of step 30 was taken back


def test_a_start_that_has_logged_no_whole_line_takes_nothing_back(tmp_path: Path) -> None:
    write_log(tmp_path, '20240101_100000', rows(10, 20, loss=2.0))
    write_log(tmp_path, '20240101_110000', [], '{"loss": 1.0, "st')
    assert read_curves(tmp_path)['loss'] == [(10, 2.0), (20, 2.0)]


def test_a_title_is_no_formula(tmp_path: Path) -> None:
    write_log(tmp_path, 'a', rows(10, loss=2.0))
    draw_curves(read_curves(tmp_path), title='run_$1_$2').draw_without_rendering()


def test_losses_and_metrics_are_drawn_with_their_names(tmp_path: Path) -> None:
    write_log(tmp_path, 'a', [*rows(10, 20, loss=2.0), *rows(30, 40, loss=3.0)])
    figure = draw_curves(read_curves(tmp_path), title='my run')
    loss, metrics = figure.axes
    assert [line.get_label() for line in loss.lines] == ['loss']
    assert [line.get_label() for line in metrics.lines] == ['F1', 'IoU']
    assert metrics.lines[0].get_xydata().tolist() == [[20, 20], [40, 30]]
    assert [text.get_text() for text in metrics.texts] == ['best F1 30.0 at 40']


def test_a_run_that_has_not_been_validated_yet_has_its_losses(tmp_path: Path) -> None:
    write_log(tmp_path, 'a', rows(10, loss=2.0)[:-1])
    assert len(draw_curves(read_curves(tmp_path), title='').axes) == 1


def test_a_folder_without_logs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r'holds no logs of a training .*work dir of tools'):
        read_curves(tmp_path)
