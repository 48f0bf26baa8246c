"""The networks as inference runs them: the same answers, faster."""

from mmcd.inference.optimize import optimize_for_inference
from mmcd.inference.segmentor import OptimizedSegmentor

__all__ = ['OptimizedSegmentor', 'optimize_for_inference']
