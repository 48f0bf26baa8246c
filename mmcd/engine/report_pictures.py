"""A test run's report: its pictures while it runs, its page at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcd.engine.result_file import change_metric_of
from mmcd.engine.shown_pair import images_and_classes, name_of_pair, parts_of, shown_pair
from mmcd.evaluation.image_result import relative_to
from mmcd.evaluation.record import write_record
from mmcd.html_report.pictures import remove_pictures, save_pictures
from mmcd.html_report.result_page import RESULT, picture_path, write_result_page
from mmcd.io.atomic import make_folder
from mmcd.models.scores import scores_of_sample
from mmcd.registry import HOOKS
from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ChangeClasses, ImageSpec
from mmcd.structures.change_classes import UNCHANGED
from mmcd.visualization.change_visualizer import map_of


@HOOKS.register_module()
class ReportPicturesHook(Hook):
    """Write what :func:`mmcd.html_report.result_page.write_result_page` shows of each image.

    Images are read and shown by the test data set's image description.

    Args:
        report_dir: the report's folder.

    Raises:
        FileWriteError: the folder can't be made.
    """

    def __init__(self, *, report_dir: str) -> None:
        self.report_dir = Path(report_dir)
        self.image: ImageSpec = RGB_8BIT
        self.classes: ChangeClasses = BINARY_CHANGE
        self.data_root = ''
        self.has_parts = False

    def before_test(self, runner: Runner) -> None:
        dataset = runner.test_dataloader.dataset
        self.image, self.classes = images_and_classes(dataset)
        # A result names its files relative to it, and the page finds the pictures by these names.
        self.data_root = getattr(dataset, 'data_root', None) or ''
        self.has_parts = len(parts_of(dataset)) > 1
        make_folder(self.report_dir)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        for index, sample in enumerate(outputs or ()):
            probability = None
            if 'seg_logits' in sample:
                kinds = scores_of_sample(sample)[UNCHANGED + 1 :]
                probability = self.classes.change_of(kinds).cpu().numpy()
            before = relative_to(self.data_root, sample.before_path)
            # Of several data sets in one, two may have a pair of one name; windows share a file.
            shared = self.has_parts and sample.get('window') is None
            name = name_of_pair(sample, before)
            if shared:
                # Of a test before, where it had one data set, and the page looks there first.
                remove_pictures(picture_path(self.report_dir, name))
                name = before
            save_pictures(
                picture_path(self.report_dir, name),
                *shown_pair(sample, data_batch, index, self.image),
                label=map_of(sample, 'gt_sem_seg'),
                prediction=map_of(sample, 'pred_sem_seg'),
                probability=probability,
                classes=self.classes,
            )


def write_test_page(folder: str | Path, runner: Runner, record: Mapping[str, Any]) -> Path:
    """Write a test's page, beside its result and the pictures that the hook has left.

    Args:
        folder: of the report.
        runner: a runner that has finished its test.
        record: of the result, from :func:`mmcd.engine.result_file.write_result`.

    Returns:
        The page's file.
    """
    folder = Path(folder)
    write_record(folder / RESULT, record)
    classes = change_metric_of(runner).classes
    return write_result_page(folder, record, classes=classes)
