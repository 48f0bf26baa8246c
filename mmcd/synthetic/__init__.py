"""Plausible aerial scenes at two dates, with labels, made from a seed.

Needs NumPy and OpenCV only.
"""

from mmcd.synthetic.pair import ScenePair, make_pair

__all__ = ['ScenePair', 'make_pair']
