"""Writing what a test run found as one JSON record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.runner import Runner

from mmcd.errors import ConfigError
from mmcd.evaluation import ChangeMetric
from mmcd.evaluation.image_result import ImageResult, relative_to, source_namer
from mmcd.evaluation.record import make_record, write_record
from mmcd.io.atomic import check_writable


def check_result_path(path: str | Path, source_pattern: str | None = None) -> None:
    """Check this now: a path that can't be written should not cost a test run.

    Raises:
        ConfigError: the pattern can't be used.
        FileWriteError: the result can't be written there.
    """
    source_namer(source_pattern)
    check_writable(Path(path))


def use_detail(cfg: Config) -> None:
    """Let a config's test count objects, boundaries and probabilities too, if it does not yet.

    Raises:
        ConfigError: its ``test_evaluator`` has no ChangeMetric.
    """
    evaluator = cfg.test_evaluator
    metrics = evaluator if isinstance(evaluator, (list, tuple)) else [evaluator]
    ours = [each for each in metrics if each['type'] in ('ChangeMetric', 'mmcd.ChangeMetric')]
    if not ours:
        raise ConfigError("--detail needs dict(type='ChangeMetric') in test_evaluator; add it.")
    for each in ours:
        each['detail'] = each.get('detail') or True


def change_metric_of(runner: Runner) -> ChangeMetric:
    """The metric of a runner's test whose counts a result is made of.

    Raises:
        ConfigError: the config's ``test_evaluator`` has none.
    """
    metrics = runner.test_loop.evaluator.metrics
    for metric in metrics:
        if isinstance(metric, ChangeMetric):
            return metric
    named = ', '.join(type(metric).__name__ for metric in metrics) or 'nothing'
    raise ConfigError(
        f'--result is made of the counts of a ChangeMetric, but test_evaluator has {named}. Add '
        "dict(type='ChangeMetric') to it."
    )


def images_of(runner: Runner) -> list[ImageResult]:
    """Every image's counts, after a test, its files' names relative to the data set's folder."""
    dataset = runner.test_loop.dataloader.dataset
    root = getattr(dataset, 'data_root', None) or ''
    return [
        replace(
            image,
            before=relative_to(root, image.before),
            after=relative_to(root, image.after),
            label=relative_to(root, image.label),
        )
        for image in change_metric_of(runner).images
    ]


def write_result(
    path: str | Path,
    runner: Runner,
    protocol: Mapping[str, Any],
    *,
    source_pattern: str | None = None,
) -> dict[str, Any] | None:
    """Write a test's record, in the first of several processes; gives it back there.

    Args:
        path: the JSON file.
        runner: a runner that has finished its test.
        protocol: see :func:`mmcd.engine.protocol.describe_protocol`.
        source_pattern: see :func:`mmcd.evaluation.image_result.source_namer`.
    """
    if not is_main_process():
        return None
    metric = change_metric_of(runner)
    record = make_record(
        images_of(runner),
        metric.classes,
        protocol,
        detail=metric.detail,
        source_pattern=source_pattern,
    )
    write_record(path, record)
    return record
