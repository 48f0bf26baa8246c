"""The metric of change maps, as MMEngine's evaluator calls it."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric

from mmcd.evaluation.confusion import ConfusionCounts, change_ratios, count_pixels, sum_counts
from mmcd.registry import METRICS


@METRICS.register_module()
class ChangeMetric(BaseMetric):
    """Precision, recall, F1 and IoU of the change class, overall accuracy, Cohen's kappa.

    Integer counts over all pixels of all images, then the ratios, in percent; 0/0 is 0. The result
    does not depend on how many processes evaluate.

    Keys: ``change/precision``, ``change/recall``, ``change/f1``, ``change/iou``, ``change/oa``,
    ``change/kappa``; select the best checkpoint by ``save_best='change/f1'``.

    Args:
        ignore_index: label value of pixels that are left out.
        collect_device: where the processes' counts meet, 'cpu' or 'gpu'.
        prefix: replaces 'change' in the keys.
    """

    default_prefix = 'change'

    def __init__(
        self, *, ignore_index: int = 255, collect_device: str = 'cpu', prefix: str | None = None
    ) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        self.ignore_index = ignore_index

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Count each sample's pixels from its ``pred_sem_seg`` and ``gt_sem_seg``."""
        for sample in data_samples:
            prediction = sample['pred_sem_seg']['data'].squeeze()
            label = sample['gt_sem_seg']['data'].squeeze().to(prediction.device)
            # One entry a sample, never one a batch: MMEngine cuts the gathered list to the
            # data set's length, which takes away what the last batch's padding repeats.
            self.results.append(count_pixels(prediction, label, self.ignore_index))

    def compute_metrics(self, results: list[ConfusionCounts]) -> dict[str, float]:
        """Ratios from the sum of all counts."""
        return change_ratios(sum_counts(results))
