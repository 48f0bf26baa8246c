"""From a data set as downloaded to pairs that are ready to train on."""

from mmcd.data_tools.prepare.preparation import Preparation
from mmcd.data_tools.prepare.sources import SOURCES

__all__ = ['SOURCES', 'Preparation']
