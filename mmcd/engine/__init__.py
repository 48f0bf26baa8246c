"""Hooks and wrappers that a training or test run is made of."""

from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.engine.checkpointing import DurableCheckpointHook
from mmcd.engine.exact_resume import ExactResumeHook
from mmcd.engine.hooks import (
    EmptyLabelWarningHook,
    NonFiniteLossHook,
    PlainCheckpointHook,
    RunCompletionHook,
)
from mmcd.engine.report_pictures import ReportPicturesHook
from mmcd.engine.save_predictions import SavePredictionsHook
from mmcd.engine.stages import LoadStageHook, StartValidationHook
from mmcd.engine.strict_loading import StrictLoadingHook
from mmcd.engine.training_statistics import TrainingStatisticsHook
from mmcd.engine.unreadable_files import UnreadableFilesHook
from mmcd.engine.validation_panels import MetricSummaryHook, ValidationPanelsHook

__all__ = [
    'BFloat16OptimWrapper',
    'DurableCheckpointHook',
    'EmptyLabelWarningHook',
    'ExactResumeHook',
    'LoadStageHook',
    'MetricSummaryHook',
    'NonFiniteLossHook',
    'PlainCheckpointHook',
    'ReportPicturesHook',
    'RunCompletionHook',
    'SavePredictionsHook',
    'StartValidationHook',
    'StrictLoadingHook',
    'TrainingStatisticsHook',
    'UnreadableFilesHook',
    'ValidationPanelsHook',
]
