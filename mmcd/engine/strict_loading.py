"""Strict reading of the checkpoints that a run starts or goes on from."""

from __future__ import annotations

import logging
import re
from typing import Any

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from mmcd.engine.bfloat16 import BFloat16OptimWrapper
from mmcd.engine.inference_swap import innermost
from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_meta import note, own_meta
from mmcd.io.checkpoints import compare_names
from mmcd.registry import HOOKS

FROM_DATA_PARALLEL = re.compile('^module\\.')


@HOOKS.register_module()
class StrictLoadingHook(Hook):
    """Refuse a checkpoint that does not fit, where MMEngine warns and loads what it can.

    Of ``load_from`` and ``--resume`` all names and shapes of the weights must fit; of ``--resume``
    also the optimizer's state, the learning-rate schedules and the loss scaler. With
    ``strict_loading = False`` in the config what fits is loaded, and what does not is listed.

    Raises:
        CheckpointError: lists what differs.
    """

    priority = 'LOWEST'  # after EMAHook, which exchanges the weights that are loaded

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Name the optimizer and its wrapper: their state alone does not tell their kind."""
        if 'optimizer' in checkpoint:
            wrapper = type(runner.optim_wrapper).__name__
            note(checkpoint, optimizer=_optimizer_name(runner), optim_wrapper=wrapper)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        strict = runner.cfg.get('strict_loading', True)
        resumes = getattr(runner, '_resume', False)
        faults = self._weight_faults(runner, checkpoint, strict=strict)
        if resumes and 'optimizer' in checkpoint:
            faults += _optimizer_faults(runner, checkpoint)
        if not faults:
            return
        listed = '\n'.join(faults)
        if strict or (resumes and any(not fault.startswith('weights') for fault in faults)):
            what = 'go on from' if resumes else 'start from'
            raise CheckpointError(
                f'The run cannot {what} the checkpoint: it does not fit the config.\n{listed}\n'
                + (
                    'Resume with the config that the run was started with.'
                    if resumes
                    else 'Is it of another config? To load what fits and start the rest anew, '
                    'give --cfg-options strict_loading=False.'
                )
            )
        print_log(
            f'strict_loading=False: not all of the checkpoint fits.\n{listed}',
            logger='current',
            level=logging.WARNING,
        )

    def _weight_faults(self, runner: Runner, checkpoint: dict, *, strict: bool) -> list[str]:
        given = checkpoint.get('state_dict', checkpoint)
        if not isinstance(given, dict) or not all(isinstance(v, Tensor) for v in given.values()):
            raise CheckpointError('The checkpoint holds no dict of tensors as its weights.')
        given = {FROM_DATA_PARALLEL.sub('', str(name)): value for name, value in given.items()}
        expected = innermost(runner.model).state_dict()
        faults = compare_names(given, expected)
        fitting = [n for n, v in expected.items() if n in given and given[n].shape == v.shape]
        if not fitting:
            faults += f"\nnone of the model's {len(expected)} tensors is in it"
        if not faults:
            return []
        if not strict:
            # load_state_dict raises for other shapes, whatever `strict` says.
            _keep_only(checkpoint, set(fitting))
        return [f'weights: {len(fitting)} of {len(expected)} tensors fit\n{faults}']


def _keep_only(checkpoint: dict, names: set[str]) -> None:
    weights = checkpoint.get('state_dict', checkpoint)
    for name in list(weights):
        if FROM_DATA_PARALLEL.sub('', str(name)) not in names:
            del weights[name]


def _optimizer_name(runner: Runner) -> str:
    return type(getattr(runner.optim_wrapper, 'optimizer', None)).__name__


def _optimizer_faults(runner: Runner, checkpoint: dict) -> list[str]:
    """What of a run's state does not fit the optimizer and the schedules that the config builds."""
    faults = []
    optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
    if not isinstance(optimizer, Optimizer):  # several wrappers, or not built yet
        return []
    saved, built = checkpoint['optimizer'], optimizer.state_dict()
    noted = own_meta(checkpoint.get('meta'))
    kind = noted.get('optimizer', _optimizer_name(runner))
    if kind != _optimizer_name(runner):
        faults.append(f'optimizer: {kind} in the checkpoint, {_optimizer_name(runner)} here')
    sizes = [[len(group['params']) for group in d['param_groups']] for d in (saved, built)]
    if sizes[0] != sizes[1]:
        faults.append(f'optimizer: {sizes[0]} parameters per group in the file, {sizes[1]} here')
    else:
        faults += _shape_faults(saved, optimizer)
    if hasattr(runner.optim_wrapper, 'loss_scaler') and 'loss_scaler' not in saved:
        faults += _scaler_faults(noted.get('optim_wrapper'))
    schedules = checkpoint.get('param_schedulers')
    here = runner.param_schedulers
    if schedules is not None and isinstance(here, list) and len(schedules) != len(here):
        faults.append(f'param_scheduler: {len(schedules)} in the checkpoint, {len(here)} here')
    return faults


def _scaler_faults(wrapper: str | None) -> list[str]:
    """A scaler that is built, but not in the checkpoint: from the CPU, --amp leaves none there."""
    if wrapper == BFloat16OptimWrapper.__name__:
        print_log(
            'The checkpoint was trained in bfloat16, without a loss scaler: this run goes on '
            'with a fresh one.',
            logger='current',
        )
        return []
    where = 'without --amp' if wrapper else 'without --amp, or on the CPU'
    return [f'loss scaler: none in the checkpoint, which was trained {where}']


def _shape_faults(saved: dict[str, Any], optimizer: Any) -> list[str]:
    numbers = [n for group in saved['param_groups'] for n in group['params']]
    parameters = [p for group in optimizer.param_groups for p in group['params']]
    wrong = [
        f'{tuple(value.shape)}, here {tuple(parameter.shape)}'
        for number, parameter in zip(numbers, parameters, strict=True)
        for value in saved['state'].get(number, {}).values()
        if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape
    ]
    if not wrong:
        return []
    return [f'optimizer: {len(wrong)} states of another shape, such as {wrong[0]}']
