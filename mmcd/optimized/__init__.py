"""The networks as inference runs them: the same answers, faster."""

from mmcd.optimized.optimize import optimize_for_inference
from mmcd.optimized.segmentor import OptimizedSegmentor

__all__ = ['OptimizedSegmentor', 'optimize_for_inference']
