"""Plausible aerial scenes at two dates, with labels, made from a seed.

Needs NumPy and OpenCV only.
"""

from mmcd.synthetic.scene_pair import ScenePair, make_pair
from mmcd.synthetic.styles import STYLES, find_style

__all__ = ['STYLES', 'ScenePair', 'find_style', 'make_pair']
