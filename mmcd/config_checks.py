"""What a config says, checked against what reads it, before anything is built.

Three questions: does anything read a setting that the command line names; do the classes that a
config names take the arguments that it gives them; are the values of the kind that they ask for.
"""

from __future__ import annotations

import difflib
import inspect
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.runner import Runner
from mmseg.utils import register_all_modules

from mmcd import registry
from mmcd.constructor_arguments import constructor_parameters, describe, fits
from mmcd.errors import ConfigError
from mmcd.install.stack import installed_family
from mmcd.io.checkpoint_file import first_line

# What mmcd reads at the top of a config, beside MMEngine's runner.
OWN_SETTINGS = {
    'data_root',
    'pretrained',
    'image',
    'stage_from',
    'mixed_precision',
    'strict_loading',
}
# What MMEngine reads there beside its runner's arguments.
RUNNER_SETTINGS = set(inspect.signature(Runner.__init__).parameters) - {'self', 'cfg'} | {
    'activation_checkpointing',
    'compile',
    'custom_imports',
    'default_scope',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'sync_bn',
    'tta_model',
    'tta_pipeline',
}
# Read from the command line's own options only.
OPTIONS = {'launcher': '--launcher', 'resume': '--resume'}

LOADER_SETTINGS = set(inspect.signature(torch.utils.data.DataLoader.__init__).parameters) | {
    'num_batch_per_epoch'
}
# The keys of dicts without a type, where they are known.
PLAIN_DICTS = {
    'train_dataloader': LOADER_SETTINGS,
    'val_dataloader': LOADER_SETTINGS,
    'test_dataloader': LOADER_SETTINGS,
    'randomness': {'seed', 'diff_rank_seed', 'deterministic'},
    'auto_scale_lr': {'enable', 'base_batch_size'},
    'env_cfg': {'cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'},
    'custom_imports': {'imports', 'allow_failed_imports'},
}
# Which registry builds what is under a setting at the top,
REGISTRIES: dict[str, Registry] = {
    'model': registry.MODELS,
    'default_hooks': registry.HOOKS,
    'custom_hooks': registry.HOOKS,
    'optim_wrapper': registry.OPTIM_WRAPPERS,
    'param_scheduler': registry.PARAM_SCHEDULERS,
    'train_cfg': registry.LOOPS,
    'val_cfg': registry.LOOPS,
    'test_cfg': registry.LOOPS,
    'val_evaluator': registry.METRICS,
    'test_evaluator': registry.METRICS,
    'visualizer': registry.VISUALIZERS,
    'log_processor': registry.LOG_PROCESSORS,
}
# and under a key at any depth, from that key on downwards.
INNER_REGISTRIES: dict[str, Registry] = {
    'data_preprocessor': registry.MODELS,
    'init_cfg': registry.WEIGHT_INITIALIZERS,
    'dataset': registry.DATASETS,
    'datasets': registry.DATASETS,
    'pipeline': registry.TRANSFORMS,
    'sampler': registry.DATA_SAMPLERS,
    'batch_sampler': registry.DATA_SAMPLERS,
    'optimizer': registry.OPTIMIZERS,
    'vis_backends': registry.VISBACKENDS,
}
# What those who build read themselves, before the class gets the rest.
TAKEN_BEFORE = {
    'optim_wrapper': {'constructor', 'paramwise_cfg', 'optimizer'},
    'param_scheduler': {'convert_to_iter_based'},
    'default_hooks': {'priority'},
    'custom_hooks': {'priority'},
}
CHECKED = [
    'model',
    'optim_wrapper',
    'param_scheduler',
    'default_hooks',
    'custom_hooks',
    'visualizer',
]
CHECKED += ['log_processor', 'val_evaluator', 'test_evaluator']
CHECKED += [
    f'{split}_{what}' for split in ('train', 'val', 'test') for what in ('dataloader', 'cfg')
]
# What these hold is not built by MMEngine's registries.
FOREIGN_CONTENT = {'Albu', 'mmseg.Albu', 'mmdet.Albu', 'mmpretrain.Albumentations'}
# Annotated as one type and documented as more.
LOOSELY_ANNOTATED = {('AmpOptimWrapper', 'loss_scale')}
SPECIAL = {'type', '_scope_', '_delete_'}


def check_options(config: Config, options: Mapping[str, Any]) -> None:
    """Refuse settings that nothing reads.

    Args:
        config: the config, without the settings.
        options: the settings by dotted key.

    Raises:
        ConfigError: names the setting and, where there is one, a setting that has the effect.
    """
    for key in options:
        root, *rest = key.split('.')
        if root in OPTIONS:
            raise ConfigError(f'{root} is no setting of the config here: give {OPTIONS[root]}.')
        if root not in RUNNER_SETTINGS | OWN_SETTINGS:
            raise ConfigError(f'Nothing reads the setting {key}. {_what_instead(config, root)}')
        known = PLAIN_DICTS.get(root)
        if known and rest and rest[0] not in known:
            raise ConfigError(
                f'Nothing reads the setting {key}. {_nearest(rest[0], known, f"{root}.")}'
            )


def _what_instead(config: Config, name: str) -> str:
    """The settings that have the effect that someone may expect of a variable or of a slip."""
    leaves: dict[str, list[str]] = {}
    roots = [*sorted(OWN_SETTINGS), *inspect.signature(Runner.__init__).parameters]
    for root in [each for each in roots if each in config]:
        for path in _paths(config[root], root):
            leaves.setdefault(path.rpartition('.')[2], []).append(path)
    names = difflib.get_close_matches(name, leaves, n=1, cutoff=0.75)
    found = leaves.get(name) or [path for near in names for path in leaves[near]]
    found = [path for path in found if '.' not in path] or found
    hint = f'Did you mean {" or ".join(found[:3])}?' if found else ''
    if name in config:
        used = 'It is a variable of the config file, which is used within the file only'
        return f'{used}. {hint or "Change it in a copy of the file."}'
    return hint or f'The settings are {", ".join(sorted(config.keys() & RUNNER_SETTINGS))}.'


def _paths(node: Any, path: str) -> Iterator[str]:
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _paths(value, f'{path}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _paths(value, f'{path}.{index}')


def _nearest(name: str, known: set[str] | dict[str, Any], prefix: str = '') -> str:
    near = difflib.get_close_matches(name, [str(key) for key in known], n=1, cutoff=0.6)
    if near:
        return f'Did you mean {prefix}{near[0]}?'
    return f'Known are {", ".join(sorted(map(str, known)))}.'


def check_config(config: Config) -> None:
    """Check types, arguments and values that a config names; all faults are told together.

    Args:
        config: the config of a run.

    Raises:
        ConfigError: lists what came and what was expected, setting by setting.
    """
    register_all_modules(init_default_scope=False)  # else some would seem unknown
    faults = [*_range_faults(config), *_loss_faults(config.get('model'), 'model')]
    scope = config.get('default_scope') or 'mmengine'
    for name in CHECKED:
        if config.get(name) is not None:
            owner = REGISTRIES.get(name)
            faults += _Inspection(scope).faults(config[name], name, name, owner)
    if faults:
        listed = '\n'.join(f'  {fault}' for fault in dict.fromkeys(faults))
        raise ConfigError(f'The config cannot be used:\n{listed}')


def similar_types(kind: Any, owner: Registry) -> str:
    """A sentence that offers a type of a similar name, for the end of an error's text.

    Args:
        kind: the type that there is none of.
        owner: the registry that builds it; its parents' types are offered, too.

    Returns:
        the sentence with a blank before it; '' where no name is similar.
    """
    names: set[str] = set()
    family: Registry | None = owner
    while family is not None:
        names |= set(family.module_dict)
        family = family.parent
    near = difflib.get_close_matches(str(kind).rpartition('.')[2], names, n=1)
    return f' Did you mean {near[0]}?' if near else ''


class _Inspection:
    """A walk through a config's dicts, each seen by the registry that will build it.

    Args:
        scope: where a type is looked up that names no scope.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope

    def faults(self, node: Any, path: str, group: str, owner: Registry | None) -> Iterator[str]:
        """What is wrong in a part of the config.

        Args:
            node: the part.
            path: where it is, dotted.
            group: the last key on the way that says who builds what is below.
            owner: the registry that builds it.
        """
        if path in CHECKED and not isinstance(node, (dict, list, tuple)):
            yield f'{path}={node!r}: expected a dict of settings.'
        elif isinstance(node, (list, tuple)):
            for index, each in enumerate(node):
                if path in CHECKED and not isinstance(each, dict):
                    yield f'{path}.{index}={each!r}: expected a dict of settings.'
                yield from self.faults(each, f'{path}.{index}', group, owner)
        elif isinstance(node, dict):
            known = PLAIN_DICTS.get(path, set(node))
            for name in node.keys() - known:
                yield f'{path}.{name}: nothing reads it. {_nearest(name, known)}'
            if 'type' in node and owner is not None:
                yield from self._class_faults(node, path, group, owner)
            for name, value in node.items():
                inner = _owner_below(name, node, owner)
                if inner is not None or owner is None:
                    below = group if inner is owner else name
                    yield from self.faults(value, f'{path}.{name}', below, inner)

    def _class_faults(self, node: dict, path: str, group: str, owner: Registry) -> Iterator[str]:
        kind = node['type']
        if isinstance(kind, str):
            try:
                with owner.root.switch_scope_and_registry(self.scope) as registry_:
                    kind = registry_.get(kind)
            except Exception as error:  # a scope whose package is missing raises what it likes
                yield f'{path}.type={kind!r}: {first_line(error)}'
                return
        if kind is None:
            hint = similar_types(node['type'], owner)
            yield f'{path}.type: there is no {owner.name} {node["type"]!r}.{hint}'
            return
        parameters = constructor_parameters(kind)
        if parameters is None:
            return
        kind_name = getattr(kind, '__name__', str(kind))
        for name in node.keys() - TAKEN_BEFORE.get(group, set()) - SPECIAL:
            value = node[name]
            if name not in parameters:
                yield f'{path}.{name}: {kind_name} takes no {name!r}. {_nearest(name, parameters)}'
            elif (kind_name, name) not in LOOSELY_ANNOTATED and not fits(value, parameters[name]):
                yield f'{path}.{name}={value!r}: expected {describe(parameters[name])}.'


def _owner_below(name: str, node: dict, owner: Registry | None) -> Registry | None:
    """The registry for what is under a key; None where none of these builds it."""
    if node.get('type') in FOREIGN_CONTENT:
        return None
    # Layers by their cfg are built by functions of MMCV's that take other arguments.
    if owner is registry.MODELS and name not in ('data_preprocessor', 'init_cfg'):
        # A head's sampler of pixels is no sampler of data, and no model either.
        return None if name.endswith('_cfg') or name == 'sampler' else owner
    return INNER_REGISTRIES.get(name, owner)


def _whole(value: Any, least: int) -> bool:
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return is_whole and not isinstance(value, bool) and value >= least


def _is_rate(value: Any) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_scope(value: Any) -> bool:
    return isinstance(value, str) and value.isidentifier() and find_spec(value) is not None


def _is_window_mode(value: Any) -> bool:
    """Of a segmentor's ``test_cfg``; MMSegmentation takes any mode but 'slide' for 'whole'."""
    if not isinstance(value, dict) or value.get('mode', 'whole') == 'whole':
        return isinstance(value, dict)
    return value['mode'] == 'slide' and all(
        isinstance(value.get(key), (list, tuple)) and len(value[key]) == 2
        for key in ('crop_size', 'stride')
    )


POSITIVE = (lambda value: _whole(value, 1), 'a whole number of at least 1')
NOT_NEGATIVE = (lambda value: _whole(value, 0), 'a whole number, 0 or more')
RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    'train_cfg.max_iters': POSITIVE,
    'train_cfg.max_epochs': POSITIVE,
    'train_cfg.val_interval': POSITIVE,
    'train_cfg.val_begin': NOT_NEGATIVE,
    'default_hooks.logger.interval': POSITIVE,
    'default_hooks.checkpoint.interval': (
        lambda value: value == -1 or _whole(value, 1),
        'a whole number of at least 1, or -1 for none',
    ),
    'optim_wrapper.optimizer.lr': (_is_rate, 'a finite number, 0 or more'),
    'randomness.seed': (
        lambda value: value is None or (_whole(value, 0) and value < 2**32),
        'a whole number from 0 to 4294967295, or None',
    ),
    'env_cfg': (lambda value: isinstance(value, dict), 'a dict of settings'),
    'log_level': (
        lambda value: (
            isinstance(value, int) or value in logging.getLevelNamesMapping()
            if hasattr(logging, 'getLevelNamesMapping')
            else isinstance(logging.getLevelName(value), int)
        ),
        'one of DEBUG, INFO, WARNING, ERROR',
    ),
    'default_scope': (_is_scope, 'the name of an installed package, such as mmcd'),
    'stage_from': (
        lambda value: value is None or isinstance(value, str),
        'a work dir or a checkpoint file',
    ),
    **dict.fromkeys(('mixed_precision', 'strict_loading'), (_is_switch, 'True or False')),
    'load_from': (lambda value: value is None or isinstance(value, str), 'a checkpoint file'),
    'model.test_cfg': (
        _is_window_mode,
        "dict(mode='whole') or dict(mode='slide', crop_size=(512, 512), stride=(384, 384))",
    ),
    'work_dir': (lambda value: isinstance(value, str) and value.strip() != '', 'a folder'),
}
for _split in ('train', 'val', 'test'):
    RANGES[f'{_split}_dataloader.batch_size'] = POSITIVE
    RANGES[f'{_split}_dataloader.num_workers'] = NOT_NEGATIVE
    RANGES[f'{_split}_dataloader.persistent_workers'] = (_is_switch, 'True or False')


def schedule_warning(config: Config) -> str:
    """What a schedule that does not end with the training makes of it, as sentences; else ''."""
    iterations = config.train_cfg.get('max_iters')
    if iterations is None:  # a training by epochs
        return ''
    schedules = config.get('param_scheduler') or []
    schedules = [schedules] if isinstance(schedules, dict) else list(schedules)
    ends = {
        f'param_scheduler.{index}.{key}': schedule[key]
        for index, schedule in enumerate(schedules)
        for key in ('end', 'T_max')
        if schedule.get('by_epoch') is False and key in schedule
    }
    last = max(ends.values(), default=iterations)
    if last == iterations:
        return ''
    what = 'the rest is trained at its last rate' if last < iterations else 'it is cut short'
    settings = ' '.join(f'{key}={iterations}' for key, end in ends.items() if end == last)
    return (
        f'The training ends after {iterations} iterations, the schedule of the learning rate after '
        f'{last}: {what}. To let them end together: --cfg-options {settings}'
    )


def _loss_faults(node: Any, path: str) -> Iterator[str]:
    """Settings of the forks' cross-entropy that end a training in its first step.

    Upstream's fails with class weights where a pixel is ignored, whatever else is set.
    """
    if isinstance(node, (list, tuple)):
        for index, each in enumerate(node):
            yield from _loss_faults(each, f'{path}.{index}')
    elif isinstance(node, dict):
        fails = (
            node.get('type') in ('CrossEntropyLoss', 'mmseg.CrossEntropyLoss')
            and not node.get('use_sigmoid')
            and not node.get('use_mask')
            and node.get('reduction', 'mean') == 'mean'
            and node.get('class_weight')
            and node.get('avg_non_ignore')
            and installed_family() == 'onedl'
        )
        if fails:
            yield (
                f'{path}.avg_non_ignore=True: CrossEntropyLoss fails with it where class_weight is '
                'given. Set avg_non_ignore=False: ignored pixels are left out of a weighted mean '
                'anyway.'
            )
        for name, value in node.items():
            yield from _loss_faults(value, f'{path}.{name}')


def _range_faults(config: Config) -> Iterator[str]:
    for path, (is_good, expected) in RANGES.items():
        node: Any = config._cfg_dict
        for part in path.split('.'):
            node = node.get(part, ...) if isinstance(node, dict) else ...
        if node is not ... and not is_good(node):
            yield f'{path}={node!r}: expected {expected}.'
