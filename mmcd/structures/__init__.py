"""What is said once and read everywhere: the images a model takes, and the classes it tells."""

from mmcd.structures.change_classes import BINARY_CHANGE, ChangeClasses
from mmcd.structures.image_spec import RGB_8BIT, ImageSpec
from mmcd.structures.image_statistics import ImageStatistics

__all__ = ['BINARY_CHANGE', 'RGB_8BIT', 'ChangeClasses', 'ImageSpec', 'ImageStatistics']
