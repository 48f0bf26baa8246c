"""One safetensors file of a trained network: its weights averaged over checkpoints, its config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from torch import Tensor

from mmcd.config import dataset_meta, load_config
from mmcd.errors import CheckpointError, ConfigError
from mmcd.inference.portable_config import checkpoint_facts
from mmcd.io.checkpoint_meta import note, own_meta
from mmcd.io.checkpoints import compare_names, read_checkpoint
from mmcd.io.safetensors_file import is_safetensors, write_safetensors


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
        threshold: changed where the probability is greater; it goes into the file's config.
        facts: plain values besides, such as the licence.

    Raises:
        ConfigError: the file's ending is another, or the threshold no probability.
        CheckpointError: a checkpoint can't be read, or is of another network.
    """
    if not is_safetensors(out):
        raise ConfigError(f'The file of published weights ends in .safetensors; got {out}.')
    if threshold is not None and not 0 < threshold < 1:
        raise ConfigError(f'A threshold lies between 0 and 1; got {threshold}.')
    options = {} if threshold is None else {'model.threshold': threshold}
    cfg = load_config(config, options)
    contents = [read_checkpoint(path) for path in checkpoints]
    weights = average_weights([content.get('state_dict', content) for content in contents])
    classes = dataset_meta(cfg)
    checkpoint: dict[str, Any] = {'meta': {'dataset_meta': _plain_classes(classes)}}
    # What the training images were like, by which a scene's check judges others.
    statistics = own_meta(contents[-1].get('meta')).get('statistics')
    note(checkpoint, **checkpoint_facts(cfg), statistics=statistics, **(facts or {}))
    write_safetensors(out, weights, checkpoint['meta'])


def _plain_classes(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Of a data set's description, what a file holds: names and colours of its classes."""
    return {
        'classes': list(meta['classes']),
        'palette': [[int(value) for value in colour] for colour in meta['palette']],
    }
