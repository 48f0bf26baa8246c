"""One safetensors file of a trained network: its weights averaged over checkpoints, its config."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from mmengine.config import Config
from torch import Tensor, nn

from mmcd.config import dataset_meta, load_config
from mmcd.errors import CheckpointError, ConfigError
from mmcd.inference.model_loading import init_model
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.checkpoint_meta import note, own_meta
from mmcd.io.checkpoints import compare_names, hash_weights, read_checkpoint, take_weights
from mmcd.io.safetensors_file import is_safetensors, write_safetensors
from mmcd.models.model_description import threshold_of, threshold_origin_of, threshold_tuning_of


def average_weights(state_dicts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of the weights of one network at several times of its training.

    Args:
        state_dicts: one or more, of the same names and shapes; BatchNorm's statistics are averaged
            too, counters are the last one's.

    Raises:
        CheckpointError: there is none, or they differ in names or shapes.

    Reference:
        Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization",
        UAI 2018.
    """
    if not state_dicts:
        raise CheckpointError('There are no checkpoints to average: name one or more.')
    last = dict(state_dicts[-1])
    for number, other in enumerate(state_dicts[:-1], start=1):
        if faults := compare_names(dict(other), last):
            raise CheckpointError(f'Checkpoint {number} is of another network:\n{faults}')
    return {
        name: torch.stack([weights[name] for weights in state_dicts]).mean(dim=0)
        if value.is_floating_point()
        else value
        for name, value in last.items()
    }


def publish(
    config: str | Path | Config,
    checkpoints: Sequence[str | Path],
    out: str | Path,
    *,
    threshold: float | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a trained network as one file that opens without a config.

    Args:
        config: what the network was trained with.
        checkpoints: of one run; their weights are averaged.
        out: the file, `.safetensors`.
        threshold: changed where the probability is greater; it goes into the file's config. None:
            the one that holds for the config and the checkpoint, such as a tuned one.
        facts: plain values besides, such as the licence.

    Raises:
        ConfigError: the file's ending is another, or the threshold no probability.
        CheckpointError: a checkpoint can't be read, is of another network than the config's or was
            trained on other images, or one of several brings a tuned threshold.
    """
    if not is_safetensors(out):
        raise ConfigError(f'The file of published weights ends in .safetensors; got {out}.')
    if threshold is not None and not 0 < threshold < 1:
        raise ConfigError(f'A threshold lies between 0 and 1; got {threshold}.')
    options = {} if threshold is None else {'model.threshold': threshold}
    cfg = load_config(config, options)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # its weights come from the checkpoints
        model = cast(nn.Module, init_model(cfg))
    contents = [_fitting_checkpoint(model, path, of=len(checkpoints)) for path in checkpoints]
    weights = average_weights([content.get('state_dict', content) for content in contents])
    if threshold_origin_of(model) == 'checkpoint':  # of the config that it was trained with
        cfg.model.threshold = threshold_of(model)
    checkpoint: dict[str, Any] = {'meta': {'dataset_meta': _plain_classes(dataset_meta(cfg))}}
    note(
        checkpoint,
        **checkpoint_facts(cfg),
        # What the training images were like, by which a scene's check judges others.
        statistics=own_meta(contents[-1].get('meta')).get('statistics'),
        threshold=threshold_tuning_of(model),
        weights_sha256=hash_weights(weights),
        **(facts or {}),
    )
    write_safetensors(out, weights, checkpoint['meta'])


def _fitting_checkpoint(model: nn.Module, path: str | Path, *, of: int) -> dict[str, Any]:
    """Read a checkpoint, and load it into the config's model to see that it fits.

    Args:
        model: takes the weights and the threshold that the checkpoint brings.
        path: the file.
        of: how many are averaged.

    Raises:
        CheckpointError: see :func:`publish`.
    """
    content = read_checkpoint(path)
    take_weights(model, content, path)
    tuned = threshold_tuning_of(model)
    if tuned is not None and of > 1:
        raise CheckpointError(
            f'The checkpoint {path} brings the threshold {tuned["value"]:g}, which was tuned for '
            f'its weights and not for the mean of {of} checkpoints. State a threshold for the mean '
            '(--threshold), or publish this checkpoint alone.'
        )
    return content


def _plain_classes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Of a data set's description, what a file holds: names and colours of its classes."""
    return {
        'classes': list(meta['classes']),
        'palette': [[int(value) for value in colour] for colour in meta['palette']],
    }
