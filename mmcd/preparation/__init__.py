"""From a data set as downloaded to pairs that are ready to train on."""

from mmcd.preparation.runner import Preparation
from mmcd.preparation.sources import SOURCES

__all__ = ['SOURCES', 'Preparation']
