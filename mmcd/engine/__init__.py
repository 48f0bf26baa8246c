"""Hooks and wrappers that a training or test run is made of."""

from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.engine.hooks import MarkFinished, PlainCheckpoints, StopOnNonFiniteLoss, WarnWithoutChange
from mmcd.engine.save_predictions import SavePredictions
from mmcd.engine.stages import StartFromStage

__all__ = [
    'BFloat16OptimWrapper',
    'MarkFinished',
    'PlainCheckpoints',
    'SavePredictions',
    'StartFromStage',
    'StopOnNonFiniteLoss',
    'WarnWithoutChange',
]
