"""Training in stages: each starts from the best checkpoint of the one before."""

from __future__ import annotations

import copy
from pathlib import Path

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from mmcd.config import drop_pretrained
from mmcd.engine.checkpointing import find_last_whole, use_durable_checkpoints
from mmcd.engine.exact_resume import ExactResumeHook
from mmcd.engine.hooks import PlainCheckpointHook, RunCompletionHook
from mmcd.engine.inference_swap import innermost
from mmcd.engine.launch import add_hook, require_hook
from mmcd.engine.strict_loading import StrictLoadingHook
from mmcd.errors import CheckpointError
from mmcd.io.checkpoint_file import require_file
from mmcd.io.checkpoints import compare_names, read_checkpoint, weights_of
from mmcd.registry import HOOKS
from mmcd.weights import find_model_file

BEST_CHECKPOINT = 'best_change_f1*.pth'


def prepare_start(cfg: Config, *, trusted: bool = False) -> None:
    """Decide what a training run starts from, before anything is built.

    In this order: the run's own last checkpoint with ``--resume``; the best checkpoint of the
    stage before, where the config has ``stage_from`` (its work dir, or a checkpoint file); the
    weights of ``load_from``; the pretrained encoder. Either of the first two replaces the
    pretrained weights, which are then not read. With ``--resume``, a ``load_from`` in the work dir
    itself is the checkpoint to go on from; MMEngine would take one from elsewhere for it, too, so
    that a fine-tuning that was stopped could not go on.

    Whatever hooks the config has, the run writes checkpoints that are whole, and goes on exactly.
    Weights of ``load_from`` are validated before the first step.

    Args:
        cfg: of the run; changed in place.
        trusted: see :func:`mmcd.io.checkpoints.read_checkpoint`.

    Raises:
        CheckpointError: the stage before has left no best checkpoint, none of the run's own can be
            read, or there is no file that ``load_from`` names.
    """
    for hook in (RunCompletionHook, PlainCheckpointHook, StrictLoadingHook, ExactResumeHook):
        require_hook(cfg, hook.__name__)
    use_durable_checkpoints(cfg)
    for hook in [*(cfg.get('custom_hooks') or []), *(cfg.get('default_hooks') or {}).values()]:
        if isinstance(hook, dict) and str(hook.get('type')).endswith('EarlyStoppingHook'):
            hook.setdefault('priority', 'LOW')  # it counts before CheckpointHook writes its counts
    stage_from = cfg.get('stage_from')
    if cfg.get('resume') and not _lies_in(cfg.get('load_from'), cfg.work_dir):
        last = find_last_whole(cfg.work_dir, trusted=trusted)
        cfg.load_from = str(last) if last else cfg.get('load_from')
        cfg.resume = last is not None
    goes_on = cfg.get('resume')
    if goes_on or stage_from:
        drop_pretrained(cfg.model)
    if stage_from and not goes_on:
        checkpoint = str(find_best_checkpoint(stage_from))
        add_hook(cfg, dict(type=f'mmcd.{LoadStageHook.__name__}', checkpoint=checkpoint))
    elif cfg.get('load_from') and not goes_on:
        if '://' not in cfg.load_from:
            require_file(find_model_file(cfg.load_from))
        require_hook(cfg, StartValidationHook.__name__)


def without_start(cfg: Config) -> Config:
    """A copy without what :func:`prepare_start` has set for this one start of a run.

    It is what a run leaves in its work dir. Another run by that file would otherwise start as the
    one that left it: from a checkpoint of that time, or from the stage before once more.
    """
    cfg = copy.deepcopy(cfg)
    cfg.resume = False
    if _lies_in(cfg.get('load_from'), cfg.work_dir):
        cfg.load_from = None
    hooks = cfg.get('custom_hooks') or []
    cfg.custom_hooks = [h for h in hooks if str(h.get('type')) != f'mmcd.{LoadStageHook.__name__}']
    return cfg


def _lies_in(path: str | None, folder: str) -> bool:
    return path is not None and Path(path).resolve().parent == Path(folder).resolve()


def find_best_checkpoint(source: str | Path) -> Path:
    """The newest best checkpoint of a work dir; a file is taken as it is.

    Raises:
        CheckpointError: there is none.
    """
    source = Path(source).expanduser()
    if source.is_file():
        return source
    found = sorted(source.glob(BEST_CHECKPOINT), key=lambda path: path.stat().st_mtime)
    if not found:
        what = 'holds none' if source.is_dir() else f'is not there (from {Path.cwd()})'
        raise CheckpointError(
            f'This stage starts from the best checkpoint, {BEST_CHECKPOINT}, of the stage before '
            f'in {source}, but {source} {what}. Train that stage up to a validation first '
            '(tools/train_stages.sh runs them all), or name its folder or a checkpoint: '
            '--cfg-options stage_from=PATH.'
        )
    return found[-1]


@HOOKS.register_module()
class StartValidationHook(Hook):
    """Validate the weights that a training starts from, before its first step.

    So that the best checkpoint of a fine-tuning is never worse than what it started from.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Not in ``before_train``, where other hooks may not be ready yet."""
        if runner.iter == 0 and runner.val_loop is not None:
            runner.val_loop.run()


@HOOKS.register_module()
class LoadStageHook(Hook):
    """Load the checkpoint of the stage before when training starts.

    Args:
        checkpoint: the file.
    """

    def __init__(self, *, checkpoint: str) -> None:
        self.checkpoint = checkpoint

    def before_train(self, runner: Runner) -> None:
        """After MMEngine has initialised the weights, so that these replace them."""
        if getattr(runner, '_resume', False):  # by a config that a run has left
            return
        load_stage(innermost(runner.model), self.checkpoint)


def load_stage(model: nn.Module, checkpoint: str | Path) -> None:
    """Load the weights of the stage before and log what was loaded.

    Modules that the head names in ``later_stage_modules`` may be new; all else must fit.

    Args:
        model: a segmentor; changed in place.
        checkpoint: the file.

    Raises:
        CheckpointError: the file can't be read, or names or shapes differ.
    """
    state_dict = weights_of(read_checkpoint(checkpoint), checkpoint)
    expected = model.state_dict()
    later = getattr(model.decode_head, 'later_stage_modules', ())
    added = tuple(f'decode_head.{module}' for module in later)
    new = [n for n in expected if n not in state_dict and n.startswith(added or '\0')]
    faults = compare_names(state_dict, {n: v for n, v in expected.items() if n not in set(new)})
    if faults:
        raise CheckpointError(
            f'The checkpoint {checkpoint} is not of a stage before this one: apart from the new '
            f'modules ({", ".join(added) or "none"}), names and shapes must fit.\n{faults}'
        )
    model.load_state_dict(state_dict, strict=False)
    listed = ''.join(f'\n  {name}' for name in new)
    print_log(
        f'This stage starts from {checkpoint}: {len(expected) - len(new)} of {len(expected)} '
        f'tensors loaded, none left over, {len(new)} new{":" if new else ""}{listed}\n'
        'Optimizer and learning rate start anew.',
        logger='current',
    )
