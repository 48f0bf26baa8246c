"""The metric of change maps, as MMEngine's evaluator calls it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.evaluator import BaseMetric

from mmcd.evaluation.confusion import count_classes
from mmcd.evaluation.detail import Detail, count_gap, count_scores
from mmcd.evaluation.image_result import ImageResult, hash_label
from mmcd.evaluation.record import figures_of, total_of
from mmcd.models.scores import scores_of_predicted
from mmcd.registry import METRICS
from mmcd.structures import ChangeClasses, ImageSpec
from mmcd.structures.change_classes import IGNORED


@METRICS.register_module()
class ChangeMetric(BaseMetric):
    """Precision, recall, F1 and IoU of change, overall accuracy, Cohen's kappa.

    Integer counts over all pixels of all images, then the ratios, in percent; 0/0 is 0. The result
    does not depend on how many processes evaluate.

    Keys: ``change/precision``, ``change/recall``, ``change/f1``, ``change/iou``, ``change/oa``,
    ``change/kappa``; select the best checkpoint by ``save_best='change/f1'``. With several kinds
    of change these are of change of any kind, and there are besides ``change/iou_NAME`` and
    ``change/f1_NAME`` of each class of the data set, and their means over the classes that occur,
    ``change/miou`` and ``change/mf1``.

    After an evaluation, ``images`` holds every image's counts (:class:`ImageResult`) in the first
    process; ``tools/test.py --result`` writes them.

    Args:
        detail: whether to count objects, boundaries and probabilities too, which takes longer:
            True, or a dict of the settings of :class:`Detail`. Adds ``change/object_f1``,
            ``change/boundary_f1``, ``change/average_precision``, ``change/calibration_error`` and
            others, see docs/evaluation.md. ``change/exchange_gap`` comes where the model also
            predicts in the other order of the dates.
        ignore_index: label value of pixels that are left out.
        collect_device: where the processes' counts meet, 'cpu' or 'gpu'.
        prefix: replaces 'change' in the keys.
    """

    default_prefix = 'change'

    def __init__(
        self,
        *,
        detail: bool | dict = False,
        ignore_index: int = IGNORED,
        collect_device: str = 'cpu',
        prefix: str | None = None,
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.detail = Detail.from_config(detail)
        self.ignore_index = ignore_index
        self.images: list[ImageResult] = []

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count each sample's pixels from its ``pred_sem_seg`` and ``gt_sem_seg``."""
        # One entry a sample, never one a batch: MMEngine cuts the gathered list to the data set's
        # length, which takes away what the last batch's padding repeats.
        self.results.extend(self._count(sample) for sample in data_samples)

    def compute_metrics(self, results: list[ImageResult]) -> dict[str, float]:
        """Ratios from the sum of all counts."""
        self.images = results
        return figures_of(total_of(results, self.classes), self.classes)

    @property
    def classes(self) -> ChangeClasses:
        """Those of the data set; MMEngine's evaluator sets it, after the metric is made."""
        return ChangeClasses.from_meta(self.dataset_meta)

    def _count(self, sample: dict[str, Any]) -> ImageResult:
        prediction = sample['pred_sem_seg']['data'].squeeze()
        label = sample['gt_sem_seg']['data'].squeeze().to(prediction.device)
        classes = self.classes
        counts = dict(confusion=count_classes(prediction, label, len(classes), self.ignore_index))
        label = torch.where(label == self.ignore_index, IGNORED, label).to(torch.uint8)
        pixels = label.cpu().numpy()
        if self.detail is not None:
            mask = prediction.to(torch.uint8)
            metres = ImageSpec.from_config((self.dataset_meta or {}).get('image')).metres_per_pixel
            tolerance = self.detail.tolerance(metres)
            counts |= self.detail.count_masks(mask.cpu().numpy(), pixels, classes, tolerance)
            scores = scores_of_predicted(sample['seg_logits']['data']).to(mask.device)
            counts |= count_scores(scores, mask, label, classes)
        if 'exchanged_sem_seg' in sample:
            exchanged = sample['exchanged_sem_seg']['data'].squeeze()
            counts['exchange'] = count_gap(prediction, exchanged, label)
        before = sample.get('before_path') or sample.get('img_path') or ''
        return ImageResult(
            name=sample.get('pair_name') or Path(before).stem,
            label_sha256=hash_label(pixels),
            counts=counts,
            before=before,
            after=sample.get('after_path', ''),
            label=sample.get('seg_map_path', ''),
        )
