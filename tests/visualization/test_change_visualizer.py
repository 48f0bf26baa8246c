from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmcd.registry import VISUALIZERS
from mmcd.visualization import draw_panel
from mmcd.visualization.change_visualizer import ChangeVisualizer


def sample() -> SegDataSample:
    data = SegDataSample()
    label = torch.zeros(1, 40, 60, dtype=torch.long)
    label[:, 10:20, 10:30] = 1
    data.gt_sem_seg = PixelData(data=label)
    data.pred_sem_seg = PixelData(data=label.roll(5, 2))
    return data


def visualizer(folder: Path, **options) -> ChangeVisualizer:
    config = dict(type='ChangeVisualizer', vis_backends=[dict(type='LocalVisBackend')], **options)
    made = VISUALIZERS.build(config | dict(name=folder.name, save_dir=str(folder)))
    assert isinstance(made, ChangeVisualizer)
    return made


def written(folder: Path) -> dict[str, np.ndarray]:
    files = folder.glob('vis_data/vis_image/*.png')
    return {path.name: cv2.imread(str(path))[..., ::-1] for path in files}


def test_a_pair_becomes_a_panel(tmp_path: Path) -> None:
    before, after = (np.full((40, 60, 3), value, np.uint8) for value in (50, 200))
    made = visualizer(tmp_path / 'whole', max_side=512)
    made.add_datasample('one', np.concatenate([before, after], axis=2), sample(), step=7)
    maps = (
        sample().get(key).data[0].numpy().astype(np.uint8) for key in ('gt_sem_seg', 'pred_sem_seg')
    )
    expected = draw_panel(before, after, *maps, title='one')
    pictures = written(tmp_path / 'whole')
    assert list(pictures) == ['one_7.png'] and (pictures['one_7.png'] == expected).all()


def test_what_is_not_wanted_or_not_there_is_left_out(tmp_path: Path) -> None:
    pair = np.full((40, 60, 6), 90, np.uint8)
    made = visualizer(tmp_path / 'parts', max_side=30)
    made.add_datasample('none', pair)
    made.add_datasample('label', pair, sample(), draw_pred=False)
    pictures = written(tmp_path / 'parts')
    assert pictures['none_0.png'].shape == pictures['label_0.png'].shape
    assert (pictures['none_0.png'] != pictures['label_0.png']).any()
