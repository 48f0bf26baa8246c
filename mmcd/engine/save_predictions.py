"""Writing what a test run predicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcd.engine.shown_pair import images_and_classes, name_of_pair, parts_of, shown_pair
from mmcd.errors import ConfigError
from mmcd.io.atomic import make_folder, write_whole
from mmcd.io.image_encoding import FAST_COMPRESSION, encode_image, encode_mask
from mmcd.registry import HOOKS
from mmcd.structures import BINARY_CHANGE, RGB_8BIT, ChangeClasses, ImageSpec
from mmcd.visualization.change_visualizer import map_of
from mmcd.visualization.panel import draw_panel


@HOOKS.register_module()
class SavePredictionsHook(Hook):
    """Write change masks and comparison panels while testing, each under its pair's name.

    A file appears under its name only when it is complete; what a stopped run wrote stays. Images
    are read and shown by the test data set's image description.

    Args:
        mask_dir: for PNG masks, 0 unchanged, 255 changed; with several kinds of change their class
            indices, in the colours of the data set's palette. None: none are written.
        panel_dir: for panels before | after | label | prediction. None: none are written.

    Raises:
        ConfigError: two pairs, such as of two data sets in one, would have files of one name.
        FileWriteError: a folder can't be made, or a file in it not be written.
    """

    def __init__(self, *, mask_dir: str | None = None, panel_dir: str | None = None) -> None:
        self.mask_dir = Path(mask_dir) if mask_dir else None
        self.panel_dir = Path(panel_dir) if panel_dir else None
        self.image: ImageSpec = RGB_8BIT
        self.classes: ChangeClasses = BINARY_CHANGE

    def before_test(self, runner: Runner) -> None:
        """Make the folders now: a path that can't be written should not cost a test run."""
        dataset = runner.test_dataloader.dataset
        _check_names(dataset)
        self.image, self.classes = images_and_classes(dataset)
        for folder in (self.mask_dir, self.panel_dir):
            if folder:
                make_folder(folder)

    def after_test_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: Sequence | None = None,
    ) -> None:
        for index, sample in enumerate(outputs or ()):
            # Of scenes in folders of their own, files of all pairs may have one name.
            name = _file_name(name_of_pair(sample, Path(sample.before_path).stem))
            prediction = map_of(sample, 'pred_sem_seg')
            if self.mask_dir:
                content = encode_mask(prediction, self.classes)
                write_whole(self.mask_dir / name, content, sync=False)
            if self.panel_dir:
                panel = draw_panel(
                    *shown_pair(sample, data_batch, index, self.image),
                    map_of(sample, 'gt_sem_seg'),
                    prediction,
                    classes=self.classes,
                    title=name,
                )
                content = encode_image(panel, '.png', compression=FAST_COMPRESSION)
                write_whole(self.panel_dir / name, content, sync=False)


def _file_name(pair_name: str) -> str:
    return f'{pair_name.replace("/", "_")}.png'


def _check_names(dataset: Any) -> None:
    """Check that no pair's files would take the place of another one's.

    Raises:
        ConfigError: they would.
    """
    counts = Counter(map(_file_name, _pair_names(dataset)))
    shared = [name for name, count in counts.items() if count > 1]
    if shared:
        raise ConfigError(
            f'Masks and panels are named after their pairs, but {len(shared)} names are those of '
            f'several pairs of the test data, such as {shared[0]}: one would replace the other. '
            'Test the data sets one after the other, each into a folder of its own.'
        )


def _pair_names(dataset: Any) -> Iterator[str]:
    """The names of the pairs of a data set of MMEngine, or of several in one."""
    for part in parts_of(dataset):
        for index in range(len(part)) if isinstance(part, BaseDataset) else ():
            # What is listed: ours draw windows, or whole pairs, when they are asked for a sample.
            info = BaseDataset.get_data_info(part, index)
            path = info.get('before_path', info.get('img_path'))
            if path:
                yield info.get('pair_name') or Path(path).stem
