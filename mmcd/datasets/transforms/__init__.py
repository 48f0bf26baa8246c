"""Transforms of image pairs; what follows the stacking is MMSegmentation's own."""

from mmcd.datasets.transforms.loading import LoadChangeLabel, LoadImagePair
from mmcd.datasets.transforms.pairing import ExchangeDates, StackPair
from mmcd.datasets.transforms.per_date import ForEachDate

__all__ = ['ExchangeDates', 'ForEachDate', 'LoadChangeLabel', 'LoadImagePair', 'StackPair']
