from __future__ import annotations

import re
from pathlib import Path

import cv2
import pytest

from mmcd.engine.validation_panels import in_words
from tests.engine.tiny_run import read_log, run_training, tiny_config

BACKENDS = [dict(type='LocalVisBackend')]


def test_the_same_images_have_a_panel_after_each_validation(write_pairs, tmp_path: Path) -> None:
    root = write_pairs(splits={'train': 4, 'val': 5, 'test': 1})
    cfg = tiny_config(root, tmp_path / 'work', iterations=2, train_cfg__val_interval=1)
    cfg.log_level = 'INFO'
    (hook,) = (one for one in cfg.custom_hooks if one.type == 'ValidationPanelsHook')
    hook.number = 3
    run_training(cfg)
    panels = sorted((tmp_path / 'work').glob('*/vis_data/vis_image/*.png'))
    # Spread over the split, at both steps.
    names = [f'val_val_{image}_{step}.png' for image in (1, 3, 5) for step in (1, 2)]
    assert [panel.name for panel in panels] == names
    assert cv2.imread(str(panels[0])).shape[1] > 4 * 64
    log = read_log(tmp_path / 'work')
    sentences = re.findall(r'Validation after (\d) iterations: F1 [\d.]+ %, IoU [\d.]+ %,', log)
    assert sentences == ['1', '2']
    assert 'the best so far' in log.split('Validation after 2 iterations')[1].splitlines()[0]


def test_another_visualizer_has_no_panels_and_it_is_said_why(tiny_levir, tmp_path: Path) -> None:
    cfg = tiny_config(tiny_levir, tmp_path / 'work', iterations=1)
    cfg.visualizer = dict(type='mmengine.Visualizer', vis_backends=BACKENDS)
    run_training(cfg)
    assert not list((tmp_path / 'work').glob('*/vis_data/vis_image/*'))
    assert "visualizer = dict(type='ChangeVisualizer'" in read_log(tmp_path / 'work')


def test_tensorboard_gets_losses_metrics_and_panels(tiny_levir, tmp_path: Path) -> None:
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    cfg = tiny_config(
        tiny_levir, tmp_path / 'work', iterations=1, default_hooks__logger__interval=1
    )
    cfg.visualizer.vis_backends = [*BACKENDS, dict(type='TensorboardVisBackend')]
    runner = run_training(cfg)
    runner.visualizer.close()
    (folder,) = (tmp_path / 'work').glob('*/vis_data')
    found = events.EventAccumulator(str(folder))
    found.Reload()
    assert {'loss', 'change/f1'} <= set(found.Tags()['scalars'])
    assert sorted(found.Tags()['images']) == ['val_val_1', 'val_val_2']


def test_figures_in_words() -> None:
    metrics = {'change/oa': 1.0, 'change/f1': 84.04, 'change/precision': 90, 'other': 3}
    assert in_words(metrics) == 'F1 84.0 %, precision 90.0 %'
    assert in_words({'loss': 1.0}) == ''
