"""What a resumed run has to take up beyond what MMEngine restores."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import broadcast, get_rank, get_world_size
from mmengine.hooks import EarlyStoppingHook, Hook, SyncBuffersHook
from mmengine.runner import Runner

from mmcd.engine.exact_data import STEPS, seed_all
from mmcd.io.checkpoint_meta import note, own_meta
from mmcd.registry import HOOKS

VALIDATED = 'last_validation'  # MMEngine logs what starts with `val`


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Make a resumed training the same as one that was never stopped; on a CPU, bit-identical.

    - The random numbers of each step depend on the seed, the process and the iteration.
    - A validation that was due when the run was stopped is made up for before training goes on: the
      checkpoint says whether what it led to, a new best one or a lower learning rate, is in it.
    - All processes validate with the first one's running statistics, which are those in the
      checkpoint.
    - Early stopping goes on counting.
    """

    priority = 'HIGH'  # before CheckpointHook writes what this one notes

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        place = (runner.seed, STEPS, get_rank(), runner.iter)
        seed_all(*place)
        if torch.cuda.is_available():
            torch.cuda.manual_seed(torch.default_generator.initial_seed())

    def before_train_epoch(self, runner: Runner) -> None:
        """Not in ``before_train``, where other hooks may not be ready yet."""
        if not getattr(runner, '_resume', False) or runner.val_loop is None:
            return
        if _is_due(runner) and runner.message_hub.runtime_info.get(VALIDATED) != runner.iter:
            runner.val_loop.run()

    def before_val_epoch(self, runner: Runner) -> None:
        averaged = any(isinstance(hook, SyncBuffersHook) for hook in runner.hooks)
        if get_world_size() > 1 and not averaged:
            for buffer in runner.model.buffers():
                broadcast(buffer, src=0)

    def after_val_epoch(self, runner: Runner, metrics: dict[str, float] | None = None) -> None:
        runner.message_hub.update_info(VALIDATED, runner.iter)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        counts = [[h.wait_count, float(h.best_score)] for h in _early_stopping(runner)]
        note(checkpoint, early_stopping=counts or None)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        if not getattr(runner, '_resume', False):
            return
        counts = own_meta(checkpoint.get('meta')).get('early_stopping', ())
        for hook, (wait_count, best_score) in zip(_early_stopping(runner), counts, strict=False):
            hook.wait_count, hook.best_score = wait_count, best_score


def _early_stopping(runner: Runner) -> list[EarlyStoppingHook]:
    return [hook for hook in runner.hooks if isinstance(hook, EarlyStoppingHook)]


def _is_due(runner: Runner) -> bool:
    """Whether the loop validates where the run was stopped."""
    loop = runner.train_loop
    by_epoch = not hasattr(loop, 'dataloader_iterator')
    done, last = (runner.epoch, runner.max_epochs) if by_epoch else (runner.iter, runner.max_iters)
    loop._decide_current_val_interval()
    return done >= max(loop.val_begin, 1) and (done % loop.val_interval == 0 or done == last)
