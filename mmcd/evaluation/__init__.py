"""Metrics of change maps."""

from mmcd.evaluation.change_metric import ChangeMetric
from mmcd.evaluation.confusion import (
    ConfusionCounts,
    change_counts,
    change_ratios,
    class_ratios,
    count_classes,
    count_pixels,
    sum_counts,
)

__all__ = [
    'ChangeMetric',
    'ConfusionCounts',
    'change_counts',
    'change_ratios',
    'class_ratios',
    'count_classes',
    'count_pixels',
    'sum_counts',
]
