"""MMEngine registries of scope ``mmcd``.

Their parents are MMSegmentation's registries, not MMEngine's roots: MMSegmentation's own default
losses and transforms then resolve under ``default_scope = 'mmcd'`` too. Types of other packages
are written with their scope, such as ``mmseg.CrossEntropyLoss`` or ``mmpretrain.ResNet``.
"""

from __future__ import annotations

from typing import Any

from mmcd.install.chatter import quiet_imports
from mmcd.install.stack import require_stack

# Before the first import of the stack: what is missing or too old is said in one readable error.
require_stack()

with quiet_imports():
    from mmengine.registry import DefaultScope, Registry
    from mmseg import registry as mmseg_registry


class _OwnRegistry(Registry):
    """Builds what is named without a scope as ours, also the parts of what is built."""

    def build(self, cfg: dict, *args: Any, **kwargs: Any) -> Any:
        with DefaultScope.overwrite_default_scope('mmcd'):
            return super().build(cfg, *args, **kwargs)


def _child(parent: Registry, location: str | None = None) -> Registry:
    """A registry of scope ``mmcd``; ``location`` is imported when a type is first looked up."""
    locations = [location] if location else []
    return _OwnRegistry(parent.name, parent=parent, scope='mmcd', locations=locations)


DATASETS = _child(mmseg_registry.DATASETS, 'mmcd.datasets')
TRANSFORMS = _child(mmseg_registry.TRANSFORMS, 'mmcd.datasets.transforms')
MODELS = _child(mmseg_registry.MODELS, 'mmcd.models')
METRICS = _child(mmseg_registry.METRICS, 'mmcd.evaluation')
HOOKS = _child(mmseg_registry.HOOKS, 'mmcd.engine')
OPTIM_WRAPPERS = _child(mmseg_registry.OPTIM_WRAPPERS, 'mmcd.engine')
VISUALIZERS = _child(mmseg_registry.VISUALIZERS, 'mmcd.visualization')

# Empty, or nearly: MMEngine warns for each kind that a scope has no registry of.
DATA_SAMPLERS = _child(mmseg_registry.DATA_SAMPLERS)
EVALUATOR = _child(mmseg_registry.EVALUATOR)
INFERENCERS = _child(mmseg_registry.INFERENCERS)
LOG_PROCESSORS = _child(mmseg_registry.LOG_PROCESSORS)
LOOPS = _child(mmseg_registry.LOOPS)
MODEL_WRAPPERS = _child(mmseg_registry.MODEL_WRAPPERS)
OPTIMIZERS = _child(mmseg_registry.OPTIMIZERS)
OPTIM_WRAPPER_CONSTRUCTORS = _child(mmseg_registry.OPTIM_WRAPPER_CONSTRUCTORS)
PARAM_SCHEDULERS = _child(mmseg_registry.PARAM_SCHEDULERS)
RUNNERS = _child(mmseg_registry.RUNNERS)
RUNNER_CONSTRUCTORS = _child(mmseg_registry.RUNNER_CONSTRUCTORS)
TASK_UTILS = _child(mmseg_registry.TASK_UTILS)
VISBACKENDS = _child(mmseg_registry.VISBACKENDS)
WEIGHT_INITIALIZERS = _child(mmseg_registry.WEIGHT_INITIALIZERS)
