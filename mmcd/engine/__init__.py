"""Hooks and wrappers that a training or test run is made of."""

from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.engine.change_presence import WarnWithoutChange
from mmcd.engine.finished_run import MarkFinished
from mmcd.engine.non_finite_loss import StopOnNonFiniteLoss
from mmcd.engine.plain_checkpoints import PlainCheckpoints
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
