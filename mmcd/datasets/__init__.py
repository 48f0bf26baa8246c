"""Data sets of image pairs and their transforms."""

from mmcd.datasets.benchmarks import (
    CDDDataset,
    CLCDDataset,
    DSIFNCDDataset,
    LEVIRCDDataset,
    S2LookingDataset,
    SYSUCDDataset,
    WHUCDDataset,
)
from mmcd.datasets.bitemporal import BitemporalDataset
from mmcd.datasets.label_encoding import LabelEncoding
from mmcd.datasets.oscd import OSCDDataset
from mmcd.datasets.synthetic import SyntheticPairDataset
from mmcd.datasets.sztaki import SZTAKIDataset
from mmcd.datasets.transforms import (
    ExchangeDates,
    ForEachDate,
    LoadChangeLabel,
    LoadImagePair,
    StackPair,
)

__all__ = [
    'BitemporalDataset',
    'CDDDataset',
    'CLCDDataset',
    'DSIFNCDDataset',
    'ExchangeDates',
    'ForEachDate',
    'LEVIRCDDataset',
    'LabelEncoding',
    'LoadChangeLabel',
    'LoadImagePair',
    'OSCDDataset',
    'S2LookingDataset',
    'SYSUCDDataset',
    'SZTAKIDataset',
    'StackPair',
    'SyntheticPairDataset',
    'WHUCDDataset',
]
