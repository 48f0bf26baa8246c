"""Writing what a test run predicts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import mmcv
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcd.errors import ConfigError
from mmcd.registry import HOOKS
from mmcd.visualization.panel import draw_panel

READING = 'color_ignore_orientation'  # as LoadImagePair: the prediction has no orientation tag


@HOOKS.register_module()
class SavePredictions(Hook):
    """Write change masks and comparison panels while testing, each under its before image's name.

    A file appears under its name only when it is complete; what a stopped run wrote stays.

    Args:
        mask_dir: for PNG masks, 0 unchanged, 255 changed. None: none are written.
        panel_dir: for panels before | after | label | prediction. None: none are written.

    Raises:
        ConfigError: a folder can't be made.
    """

    def __init__(self, *, mask_dir: str | None = None, panel_dir: str | None = None) -> None:
        self.mask_dir = Path(mask_dir) if mask_dir else None
        self.panel_dir = Path(panel_dir) if panel_dir else None

    def before_test(self, runner: Runner) -> None:
        """Make the folders now: a path that can't be written should not cost a test run."""
        for folder in (self.mask_dir, self.panel_dir):
            if folder:
                _make_folder(folder)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        for sample in outputs or ():
            name = f'{Path(sample.before_path).stem}.png'
            prediction = sample.pred_sem_seg.data.squeeze(0).cpu().numpy().astype(np.uint8)
            if self.mask_dir:
                _write_png(self.mask_dir / name, prediction * 255)
            if self.panel_dir:
                panel = draw_panel(
                    mmcv.imread(sample.before_path, flag=READING),
                    mmcv.imread(sample.after_path, flag=READING),
                    sample.gt_sem_seg.data.squeeze(0).cpu().numpy(),
                    prediction,
                    title=name,
                )
                _write_png(self.panel_dir / name, panel)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f'Cannot make the folder {folder} for predictions: {error}.') from error


def _write_png(path: Path, image: np.ndarray) -> None:
    # The process number keeps two processes that write one padded sample apart.
    partial = path.with_name(f'.{path.stem}.{os.getpid()}.png')
    if not mmcv.imwrite(image, str(partial)):
        raise OSError(f'Cannot write the image {path}. Is the disk full, or the folder read-only?')
    os.replace(partial, path)
