"""What a person follows of a training: panels of the same validation images, and a sentence."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmcd.engine.shown_pair import images_and_classes, name_of_pair, shown_pair
from mmcd.evaluation.metric_names import HEADLINE, PREFIX, metric_name
from mmcd.registry import HOOKS
from mmcd.visualization.change_visualizer import ChangeVisualizer


@HOOKS.register_module()
class ValidationPanelsHook(Hook):
    """Add panels of some validation images to the visualizer, the same ones each time.

    They are spread evenly over the split. The config's ``visualizer`` is a ``ChangeVisualizer``,
    and its ``vis_backends`` say where panels go.

    Args:
        number: how many images.
    """

    def __init__(self, *, number: int = 4) -> None:
        self.number = number

    def before_val(self, runner: Runner) -> None:
        if not isinstance(runner.visualizer, ChangeVisualizer):
            print_log(
                'There are no panels of validation images: they need '
                "visualizer = dict(type='ChangeVisualizer', vis_backends=[...]) in the config, but "
                f'it has a {type(runner.visualizer).__name__}.',
                logger='current',
                level=logging.WARNING,
            )

    def after_val_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        visualizer = runner.visualizer
        total = len(runner.val_dataloader)
        chosen = np.linspace(0, total - 1, min(self.number, total)).round()
        if not isinstance(visualizer, ChangeVisualizer) or batch_idx not in chosen or not outputs:
            return
        sample = outputs[0]
        dataset = runner.val_dataloader.dataset
        # Which the visualizer of another rank than 0 does not keep.
        visualizer.dataset_meta = dataset.metainfo
        image, _ = images_and_classes(dataset)
        visualizer.add_datasample(
            f'val_{name_of_pair(sample, Path(sample.before_path).stem).replace("/", "_")}',
            np.concatenate(shown_pair(sample, data_batch, 0, image), axis=2),
            sample,
            step=runner.iter,
        )


@HOOKS.register_module()
class MetricSummaryHook(Hook):
    """Say after each validation and test what came out, in a sentence."""

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        text = in_words(metrics or {})
        if not text:
            return
        at = f' after {runner.iter} iterations' if runner.iter else ''
        # The hook that keeps the best checkpoint comes later: this is the best of before.
        best = runner.message_hub.runtime_info.get('best_score')
        score = (metrics or {}).get(f'{PREFIX}f1', 0.0)
        rank = ''
        if best is not None:
            best = float(best)
            rank = ', the best so far' if score > best else f'; the best so far is {best:.1f}'
        print_log(f'Validation{at}: {text}{rank}.', logger='current')

    def after_test_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        text = in_words(metrics or {})
        if text:
            print_log(f'Test: {text}.', logger='current')


def in_words(metrics: dict[str, float]) -> str:
    """The figures that people read first, such as 'F1 84.0 %, IoU 72.5 %, ...'; '' without them."""
    found = [(key, metrics[PREFIX + key]) for key in HEADLINE if PREFIX + key in metrics]
    return ', '.join(f'{metric_name(key)} {value:.1f} %' for key, value in found)
