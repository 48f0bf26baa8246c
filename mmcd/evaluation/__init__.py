"""Metrics of change maps, and results as records."""

from mmcd.evaluation.bootstrap import Bootstrap
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
from mmcd.evaluation.image_result import ImageResult
from mmcd.evaluation.record import make_record, read_record, write_record

__all__ = [
    'Bootstrap',
    'ChangeMetric',
    'ConfusionCounts',
    'ImageResult',
    'change_counts',
    'change_ratios',
    'class_ratios',
    'count_classes',
    'count_pixels',
    'make_record',
    'read_record',
    'sum_counts',
    'write_record',
]
