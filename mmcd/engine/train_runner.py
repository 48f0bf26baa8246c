"""The runner that trains: MMEngine's, with checkpoints that are whole and data that are exact."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import get_rank, master_only
from mmengine.runner import Runner
from mmengine.runner.base_loop import BaseLoop

from mmcd.config_checks import schedule_warning
from mmcd.engine.exact_data import (
    ResumableBatches,
    SeededSampler,
    build_exact_loader,
    shield_workers,
)
from mmcd.engine.stages import without_start
from mmcd.engine.unreadable_files import UnreadableFilesHook
from mmcd.errors import CheckpointWriteError
from mmcd.io.atomic import atomic_path


class TrainRunner(Runner):
    """MMEngine's runner, with which a training stopped at any moment resumes bit-identically.

    Whatever hooks a config has, checkpoints appear under their names only when they are whole, and
    the training data depend on the seed and the iteration alone.
    """

    cfg: Config
    _train_dataloader: Any
    _train_loop: Any
    _val_loop: Any
    optim_wrapper: Any

    @property
    def _shared_seed(self) -> int:
        """The seed of the run without what ``diff_rank_seed`` adds in each process."""
        return self.seed - get_rank() * bool(self._randomness_cfg.get('diff_rank_seed'))

    def dump_config(self) -> None:
        """Leave the config in the work dir, without how this one run has started."""
        own = self.cfg
        self.cfg = without_start(own)
        try:
            super().dump_config()
        finally:
            self.cfg = own

    def build_for_training(self) -> None:
        """Build what ``train`` builds, so that what does not fit together is found before it."""
        if warning := schedule_warning(self.cfg):
            self.logger.warning(warning)
        self._train_loop = self.build_train_loop(self._train_loop)
        self.optim_wrapper = self.build_optim_wrapper(self.optim_wrapper)
        if self._val_loop is not None:
            self._val_loop = self.build_val_loop(self._val_loop)

    def build_train_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        passes_over = any(isinstance(hook, UnreadableFilesHook) for hook in self.hooks)
        if isinstance(self._train_dataloader, dict):
            self._train_dataloader = build_exact_loader(
                self._train_dataloader,
                seed=self._shared_seed,
                read=UnreadableFilesHook.read if passes_over else None,
            )
        if isinstance(loop, BaseLoop):
            return loop
        loop = super().build_train_loop(loop)
        batches = getattr(loop, 'dataloader_iterator', None)
        if batches is not None:
            # MMEngine before 0.10.8 takes and drops each batch that was trained on.
            discards = not hasattr(batches, 'skip_iter')
            loop.dataloader_iterator = ResumableBatches(loop.dataloader, discards=discards)
        return loop

    def build_val_loop(self, loop: BaseLoop | dict) -> BaseLoop:
        if isinstance(loop, BaseLoop):
            return loop
        loop = super().build_val_loop(loop)
        shield_workers(loop.dataloader)
        return loop

    def resume(self, filename: str, *args: Any, **kwargs: Any) -> None:
        super().resume(filename, *args, **kwargs)
        sampler = getattr(self.train_dataloader.batch_sampler, 'sampler', None)
        if isinstance(sampler, SeededSampler):  # built before the checkpoint's seed was known
            sampler.reseed(self._shared_seed)
        batches = getattr(self.train_loop, 'dataloader_iterator', None)
        if isinstance(batches, ResumableBatches):
            batches.start_at(self.iter)

    @master_only
    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **kwargs: Any) -> None:
        """Write a checkpoint aside, have it synced to the disk, then give it its name.

        Raises:
            CheckpointWriteError: it can't be written; those written before are as they were.
        """
        if '://' in str(out_dir):  # a store that MMEngine knows, where files appear whole
            super().save_checkpoint(out_dir, filename, *args, **kwargs)
            return
        try:
            with atomic_path(Path(out_dir) / filename, sync=True) as partial:
                super().save_checkpoint(str(out_dir), partial.name, *args, **kwargs)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise CheckpointWriteError(
                f'Cannot write the checkpoint {filename} to {out_dir}: {error.strerror or error}. '
                f'The checkpoints written before are whole. '
                f'{"Make room" if full else "Fix that"}, and go on with --resume.'
            ) from error
