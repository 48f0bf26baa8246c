"""Knowing that a training run was finished."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmcd.registry import HOOKS

MARKER = 'finished'


def is_finished(cfg: Config) -> bool:
    """Whether a run in this work dir has trained for as many iterations as the config asks for."""
    marker = Path(cfg.work_dir) / MARKER
    asked = cfg.train_cfg.get('max_iters')
    return asked is not None and marker.is_file() and int(marker.read_text()) >= asked


@HOOKS.register_module()
class MarkFinished(Hook):
    """Leave a file ``finished`` in the work dir once a run is through, its last validation too.

    The last checkpoint does not tell: it is written before the last validation, which decides
    about the best one. A run that was stopped between the two and is resumed makes up for it here.
    """

    def before_train(self, runner: Runner) -> None:
        self._remove(runner)

    def before_train_epoch(self, runner: Runner) -> None:
        """Not in ``before_train``, where other hooks may not be ready yet."""
        if runner.iter >= runner.max_iters and runner.val_loop is not None:
            runner.val_loop.run()

    @master_only
    def after_train(self, runner: Runner) -> None:
        partial = Path(runner.work_dir) / f'.{MARKER}'
        partial.write_text(str(runner.iter))
        partial.replace(partial.with_name(MARKER))

    @master_only
    def _remove(self, runner: Runner) -> None:
        (Path(runner.work_dir) / MARKER).unlink(missing_ok=True)
