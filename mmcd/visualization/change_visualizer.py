"""A visualizer of image pairs for the backends of MMEngine: files, TensorBoard and others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.dist import master_only
from mmengine.visualization import Visualizer
from mmseg.structures import SegDataSample

from mmcd.registry import VISUALIZERS
from mmcd.structures import ChangeClasses
from mmcd.visualization.panel import draw_panel


@VISUALIZERS.register_module()
class ChangeVisualizer(Visualizer):
    """Adds panels before | after | label | prediction to the backends that the config names.

    Args:
        name: of the visualizer.
        vis_backends: where pictures and numbers go, such as ``[dict(type='LocalVisBackend')]``.
        max_side: larger images are reduced to this many pixels along their longer side.
        save_dir: folder of the backends; the runner sets it.
    """

    def __init__(
        self,
        name: str = 'visualizer',  # by position: MMEngine looks for it there
        *,
        vis_backends: Sequence[Mapping[str, Any]] | None = None,
        max_side: int = 256,
        save_dir: str | None = None,
    ) -> None:
        super().__init__(name=name, vis_backends=vis_backends, save_dir=save_dir)
        self.max_side = max_side
        self.dataset_meta: Mapping[str, Any] | None = None  # the classes; set by who has them

    @master_only
    def add_datasample(
        self,
        name: str,
        image: np.ndarray,
        data_sample: SegDataSample | None = None,
        draw_gt: bool = True,
        draw_pred: bool = True,
        show: bool = False,
        wait_time: float = 0,
        step: int = 0,
    ) -> None:
        """Add one pair's panel.

        Args:
            name: of the picture.
            image: both dates as people are shown them.
            data_sample: with ``gt_sem_seg`` and ``pred_sem_seg``; a map that is missing or not
                wanted is drawn as unchanged.
            draw_gt: draw the label.
            draw_pred: draw the prediction.
            show: also open a window.
            wait_time: seconds for which it stays; 0 waits for a key.
            step: of the training.

        Shape:
            image: (H, W, 6) uint8, before in the first three channels, RGB.
        """
        maps = [
            map_of(data_sample, key)
            if wanted and data_sample is not None and key in data_sample
            else np.zeros(image.shape[:2], np.uint8)
            for key, wanted in (('gt_sem_seg', draw_gt), ('pred_sem_seg', draw_pred))
        ]
        panel = draw_panel(
            *np.split(image, 2, axis=2),
            *maps,
            classes=ChangeClasses.from_meta(self.dataset_meta),
            title=name,
            max_side=self.max_side,
        )
        if show:
            self.show(panel, win_name=name, wait_time=wait_time)
        self.add_image(name, panel, step)


def map_of(sample: SegDataSample, key: str) -> np.ndarray:
    """A sample's label (``gt_sem_seg``) or prediction (``pred_sem_seg``), (H, W) uint8."""
    return sample.get(key).data.squeeze(0).cpu().numpy().astype(np.uint8)
