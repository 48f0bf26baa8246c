"""Tuning the threshold of a model on a split that is not the one it is scored on.

What was tuned stands in the checkpoint (:mod:`mmcd.io.checkpoint_meta`), so that it holds wherever
the checkpoint is used; with it stands which files it was tuned on, so that no test takes its
threshold from the answers.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner

from mmcd.engine.inference_swap import innermost
from mmcd.engine.protocol import describe_model, describe_split
from mmcd.engine.result_file import change_metric_of, images_of, use_detail
from mmcd.errors import CheckpointError, ConfigError
from mmcd.evaluation.image_result import hash_file_list, hash_files, hash_labels, relative_to
from mmcd.evaluation.probabilities import best_threshold, f1_at
from mmcd.evaluation.record import total_of
from mmcd.io.atomic import atomic_path
from mmcd.io.checkpoint_meta import note
from mmcd.io.checkpoints import read_checkpoint
from mmcd.io.safetensors_file import is_safetensors
from mmcd.version import __version__

METRIC = 'change/f1'


def prepare_tuning(cfg: Config, checkpoint: str | Path, out: str | Path) -> None:
    """Let a config's test run on its validation split, with histograms of the probabilities.

    Args:
        cfg: of the model; changed in place.
        checkpoint: the file that is tuned.
        out: the file that the threshold will be written into, which may be the same.

    Raises:
        ConfigError: it has no validation split, or states a threshold itself, which would hold
            before a tuned one.
        CheckpointError: the file is of a kind that can't be written anew.
    """
    model = cfg.model.get('module', cfg.model)
    if model.get('threshold') is not None:
        raise ConfigError(
            f'The config states model.threshold={model.threshold}, which overrides a tuned one. '
            'Remove it, or tune with --cfg-options model.threshold=None.'
        )
    for file in (checkpoint, out):
        if is_safetensors(file) or Path(file).suffix.lower() == '.onnx':
            raise CheckpointError(
                f'A threshold is written into a checkpoint of PyTorch (.pth), not into {file}. '
                'Tune the checkpoint, then export or publish it again.'
            )
    if not cfg.get('val_dataloader'):
        raise ConfigError('The config has no val_dataloader, on whose split a threshold is tuned.')
    cfg.test_dataloader = copy.deepcopy(cfg.val_dataloader)
    cfg.test_evaluator = dict(type='ChangeMetric')
    use_detail(cfg)


def tune_threshold(runner: Runner) -> dict[str, Any]:
    """The threshold of the highest F1 on the split that a runner tests, and what that is.

    Every process of a run has to call it, and gets the same.

    Args:
        runner: of a config that :func:`prepare_tuning` has prepared; its model is a predictor.

    Returns:
        plain values: ``value``, ``metric``, ``score`` in percent, ``default_score`` (that of the
        threshold 0.5), ``split``, ``dataset``, ``list_file``, ``images``,
        ``file_list_sha256``, ``labels_sha256``, ``precision``, ``tta``, ``mmcd``, ``date``.

    Raises:
        ConfigError: the split holds no change.
    """
    runner.test()
    # MMEngine gives the counts to the first process alone.
    tuned = [_best_of(runner) if is_main_process() else None]
    broadcast_object_list(tuned)
    if tuned[0] is None:
        raise ConfigError(
            'The validation split holds no changed pixel, so no threshold is better than another.'
        )
    return tuned[0]


def _best_of(runner: Runner) -> dict[str, Any] | None:
    """What a finished test says of the threshold; None: the split holds no change."""
    metric = change_metric_of(runner)
    images = images_of(runner)
    histogram = total_of(images, metric.classes)['probabilities'][0]
    if not histogram[1].sum():
        return None
    value, score = best_threshold(histogram)
    where = describe_split(runner.test_loop.dataloader.dataset)
    how = describe_model(innermost(runner.model))
    return dict(
        value=value,
        metric=METRIC,
        score=score,
        default_score=f1_at(histogram, 0.5),
        split=where['split'],
        dataset=where['dataset'],
        list_file=where['list_file'],
        images=len(images),
        file_list_sha256=hash_file_list(images),
        labels_sha256=hash_labels(images),
        precision=how['precision'],
        tta=how['tta'],
        mmcd=__version__,
        date=datetime.now(timezone.utc).isoformat(timespec='seconds'),
    )


def write_threshold(
    checkpoint: str | Path, tuned: Mapping[str, Any], out: str | Path, *, trusted: bool = False
) -> None:
    """Write a checkpoint with a tuned threshold; it appears under its name when it is complete.

    Args:
        checkpoint: the file to read.
        tuned: see :func:`tune_threshold`.
        out: the file to write, which may be the same.
        trusted: see :func:`mmcd.io.checkpoints.read_checkpoint`.
    """
    content = read_checkpoint(checkpoint, trusted=trusted)
    if 'state_dict' not in content:  # a bare dict of tensors
        content = dict(state_dict=content)
    note(content, threshold=dict(tuned))
    with atomic_path(Path(out)) as partial:
        torch.save(content, partial)


def check_tuning(dataset: Any, tuned: Mapping[str, Any] | None) -> None:
    """Refuse a threshold that was tuned on what is about to be scored.

    Args:
        dataset: what will be scored.
        tuned: what the predictor's threshold was tuned on; None: it was not tuned.

    Raises:
        ConfigError: it was tuned on the same files, or on the same split of such a data set.
    """
    if tuned is None:
        return
    where = describe_split(dataset)
    same_files = tuned.get('file_list_sha256') == hash_dataset_files(dataset)
    # Splits by lists or tables have no name, and may be told by their files alone.
    keys = ('split', 'dataset', 'list_file')
    same_split = bool(where['split']) and all(tuned.get(k, where[k]) == where[k] for k in keys)
    if same_files or same_split:
        raise ConfigError(
            f"The checkpoint's threshold, {tuned['value']:g}, was tuned on "
            f'{"these very files" if same_files else "this very split"} ({where["dataset"]}, '
            f'{where["split"] or "no split"}), so the score would be too good. Score another '
            'split, or take an untuned threshold: --cfg-options model.threshold=0.5'
        )


def hash_dataset_files(dataset: Any) -> str:
    """The hash that a record of this data set has as ``file_list_sha256``."""
    root = getattr(dataset, 'data_root', None) or ''
    keys = ('before_path', 'after_path', 'seg_map_path')
    found = (dataset.get_data_info(index) for index in range(len(dataset)))
    return hash_files([relative_to(root, info.get(key, '')) for key in keys] for info in found)
